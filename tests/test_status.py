"""`synth status` names a command that really goes on."""

from pathlib import Path

import pytest

from synth.dataset.sample import DatasetInfo, MadeBy
from synth.dataset.store import DatasetWriter
from synth.status import print_status

SHARES = {"twins": 3, "fresh": 2, "bins": 0}
PLAIN = {"look": "matched", "quality": {"name": "normal"}, "randomize": 0.0, "layers": False}
RICH = {"look": "plain", "quality": {"name": "draft"}, "randomize": 0.5, "layers": True, "test_twins": True}


@pytest.mark.parametrize(
    ("config", "seed", "command"),
    [
        (PLAIN, 0, "synth render --twins 3 --fresh 2   (goes on"),
        (
            RICH,
            4,
            "synth render --twins 3 --fresh 2 --quality draft --look plain --randomize --strength 0.5 "
            "--layers --test-twins --seed 4   (goes on",
        ),
        (PLAIN | {"randomize": 1.0}, 0, "synth render --twins 3 --fresh 2 --randomize   (goes on"),
    ],
)
def test_an_unfinished_rendering_is_gone_on_with_by_its_own_command(
    config, seed, command, tmp_path: Path, monkeypatch, capsys
):
    """Every setting that differs from the default is in it, else the run would be refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for folder, made_by in (
        ("data/real", MadeBy(verb="capture", simulated=True, config={"poses": None})),
        (
            "data/synthetic",
            MadeBy(verb="render", simulated=True, config={"shares": SHARES, **config}, seed=seed),
        ),
    ):
        kind = "real" if folder == "data/real" else "rendered"
        DatasetWriter.create_or_resume(
            Path(folder), DatasetInfo(kind=kind, classes=("part",), made_by=made_by)
        ).close()
    print_status(as_json=False)
    printed = capsys.readouterr().out
    assert command in printed
    assert "0 of 5" in printed
