"""Lets the tests of this folder import what stands in it, and gives them a desk to type commands on."""

import sys
from pathlib import Path

import pytest

from synth.cli import main

sys.path.insert(0, str(Path(__file__).parent))

from toy_sets import write_detection_set, write_normal_set
from typed_commands import BOXES, SHORT, Answer, Type


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with datasets of crops and of boxes, and a training of each: runs/normals, runs/boxes."""
    folder = tmp_path_factory.mktemp("desk")
    write_normal_set(folder / "real", seed=0, kind="real")
    write_normal_set(folder / "rendered", seed=1, first=100)
    write_detection_set(folder / "boxes", seed=2, kind="real")
    write_detection_set(folder / "tight", seed=3, box_kind="tight")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in ((*SHORT, "--out", "runs/normals"), (*BOXES, "--out", "runs/boxes", "--device", "cpu")):
            patch.setattr(sys, "argv", ["synth", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 0
    return folder


@pytest.fixture
def synth(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """The command, typed on the desk."""
    monkeypatch.chdir(desk)

    def type_in(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["synth", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, said.out, said.err)

    return type_in
