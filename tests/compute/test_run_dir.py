"""A run's folder goes on with the same settings only, remembers every tick, and belongs to one process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synth.compute.run_dir import RunDir, load_config, read_stats
from synth.errors import InputError

CONFIG = {"preset": "quick", "seed": 0, "generator": {"n_filters": 16, "sizes": (1, 2)}, "device": None}


def test_a_run_is_begun_and_gone_on_with(tmp_path: Path) -> None:
    """The second call finds the first one's configuration and ticks, also through JSON's eyes."""
    root = tmp_path / "runs" / "translate"
    with RunDir.create_or_resume(root, CONFIG) as run:
        assert run.is_new
        run.append_stats({"step": 1, "loss/cycle": 0.1})
    with RunDir.create_or_resume(root, CONFIG) as run:
        assert not run.is_new
        run.append_stats({"step": 2, "loss/cycle": 0.2})
        assert run.read_stats() == [{"step": 1, "loss/cycle": 0.1}, {"step": 2, "loss/cycle": 0.2}]
    assert load_config(root) == json.loads(json.dumps(CONFIG))


def test_other_settings_are_refused_with_every_difference(tmp_path: Path) -> None:
    """One line a difference, by its full name; the folder is as before."""
    RunDir.create_or_resume(tmp_path / "run", CONFIG).close()
    before = (tmp_path / "run" / "config.json").read_bytes()
    other = CONFIG | {"seed": 1, "generator": {"n_filters": 64, "sizes": (1, 2)}, "new": True}
    with pytest.raises(InputError, match="holds a run with other settings") as raised:
        RunDir.create_or_resume(tmp_path / "run", other)
    assert str(raised.value).splitlines()[1:] == [
        "  seed: 0 became 1",
        "  generator.n_filters: 16 became 64",
        "  new: nothing became True",
    ]
    assert (tmp_path / "run" / "config.json").read_bytes() == before
    RunDir.create_or_resume(tmp_path / "run", CONFIG).close()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Files that are no run's are left alone; so is a damaged configuration."""
    (tmp_path / "thesis.tex").write_text("chapter 1")
    with pytest.raises(InputError, match=r"not empty and has no config.json \(found thesis.tex\)"):
        RunDir.create_or_resume(tmp_path, CONFIG)
    (tmp_path / "config.json").write_text("{torn")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        RunDir.create_or_resume(tmp_path, CONFIG)
    with pytest.raises(InputError, match="is not the folder of a run"):
        load_config(tmp_path / "nowhere")


def test_two_processes_never_share_a_run(tmp_path: Path) -> None:
    """The second one is told who has it; once the first has ended, however, the folder is free."""
    held = RunDir.create_or_resume(tmp_path / "run", CONFIG)
    program = (
        "import json, sys; from pathlib import Path; from synth.compute.run_dir import RunDir\n"
        f"RunDir.create_or_resume(Path(sys.argv[1]), json.loads({json.dumps(json.dumps(CONFIG))}))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    other = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert other.returncode == 1
    assert "is being written by process" in other.stderr
    held.close()
    assert subprocess.run(command, timeout=60).returncode == 0


def test_ticks_after_a_step_can_be_forgotten(tmp_path: Path) -> None:
    """What stays is unchanged byte for byte, and a torn last line is cut off on opening."""
    root = tmp_path / "run"
    with RunDir.create_or_resume(root, CONFIG) as run:
        for step in (10, 20, 30):
            run.append_stats({"step": step, "loss/G/adv": 1 / step})
        whole = (root / "stats.jsonl").read_bytes()
        run.truncate_stats(20)
        assert (root / "stats.jsonl").read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])
        run.append_stats({"step": 30, "loss/G/adv": 1 / 30})
        assert (root / "stats.jsonl").read_bytes() == whole
    with (root / "stats.jsonl").open("ab") as file:
        file.write(b'{"step": 40, "loss')
    assert [row["step"] for row in read_stats(root)] == [10, 20, 30]
    RunDir.create_or_resume(root, CONFIG).close()
    assert (root / "stats.jsonl").read_bytes() == whole


def test_a_damaged_tick_is_named(tmp_path: Path) -> None:
    """The error says which line."""
    (tmp_path / "stats.jsonl").write_bytes(b'{"step": 1}\n{"loss": 3}\n')
    with pytest.raises(InputError, match=r"stats.jsonl:2 is not a tick"):
        read_stats(tmp_path)
