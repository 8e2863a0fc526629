"""`synth status` names a command that really goes on."""

from pathlib import Path

import pytest

from synth.dataset.info import DatasetInfo, MadeBy, ModelRecord
from synth.dataset.store import DatasetWriter
from synth.status import print_status

SHARES = {"twin": 3, "fresh": 2, "bin": 0}
PLAIN = {"look": "matched", "quality": {"name": "normal"}, "randomize": 0.0, "layers": False}
RICH = {"look": "plain", "quality": {"name": "draft"}, "randomize": 0.5, "layers": True, "test_twins": True}


@pytest.mark.parametrize(
    ("config", "seed", "command"),
    [
        (PLAIN, 0, "synth render --share twin=3 --share fresh=2   (goes on"),
        (
            RICH,
            4,
            "synth render --share twin=3 --share fresh=2 --quality draft --look plain --randomize "
            "--strength 0.5 --layers --test-twins --seed 4   (goes on",
        ),
        (
            {"shares": SHARES, "quality": {"name": "normal"}, "over": "0" * 64},
            0,
            "synth render --over data/real --share twin=3 --share fresh=2   (goes on",
        ),
        (PLAIN | {"randomize": 1.0}, 0, "synth render --share twin=3 --share fresh=2 --randomize   (goes on"),
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
            MadeBy(
                verb="render",
                simulated=True,
                config={"shares": SHARES, **config},
                seed=seed,
                parents=("real",),
            ),
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


def test_a_translation_that_refused_frames_is_complete(tmp_path: Path, monkeypatch, capsys):
    """Frames whose labels moved are refused, not missing: nothing is left to do for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    made_by = MadeBy(verb="translate", simulated=True, config={"source": {"samples": 1}})
    info = DatasetInfo(kind="translated", classes=("part",), made_by=made_by)
    with DatasetWriter.create_or_resume(Path("data/translated"), info) as writer:
        print_status(as_json=False)
        assert "0 of 1   unfinished" in capsys.readouterr().out
        writer.add_rejected(reason="box drift", name="000000")
    print_status(as_json=False)
    assert "0 of 1   complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("with_models", "command"),
    [(True, "synth render --over data/real"), (False, "without poses and models nothing can be rendered")],
)
def test_imported_images_are_rendered_over(with_models, command, tmp_path: Path, monkeypatch, capsys):
    """After an import with models comes a rendering over it; without, status says why there is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    model = ModelRecord(
        class_name="part", mesh="models/obj_000001.ply", units="mm", sha256="0" * 64, point_part_m=(0, 0, 0)
    )
    info = DatasetInfo(
        kind="imported",
        classes=("part",),
        models=(model,) if with_models else (),
        made_by=MadeBy(verb="import bop", simulated=False),
    )
    DatasetWriter.create_or_resume(Path("data/real"), info).close()
    print_status(as_json=False)
    assert command in capsys.readouterr().out
