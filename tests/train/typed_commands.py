"""Commands of one network as they are typed, what they answer, and how that is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from synth.compute.checkpoint import save_weights

NORMALS = ("train", "normals", "--data", "rendered", "--test", "real", "--net", "paper", "--side", 32)
BOXES = ("train", "detection", "--data", "boxes", "--test", "boxes", "--side", 64, "--images", 16)
SHORT = (*NORMALS, "--images", 64, "--device", "cpu")


@dataclass(frozen=True)
class Answer:
    """What a command left on the screen."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """All of it, however lines were broken."""
        return " ".join((self.out + self.err).split())


Type = Callable[..., Answer]


def is_refused(answer: Answer, *words: str) -> bool:
    """One sentence on the error stream with these words, exit code 2."""
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert answer.err.startswith("synth: ")
    said = " ".join(answer.err.split())
    for word in words:
        assert word in said, said
    return True


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def write_foreign_weights(path: Path) -> None:
    """Weights of another program's network in the same format."""
    save_weights(path, {"conv.weight": torch.zeros(3, 3)}, {"kind": "instance", "width": "4"})
