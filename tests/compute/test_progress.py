"""How a run tells what it does: a bar on a terminal, plain lines elsewhere."""

import io
import re

import pytest
from rich.console import Console

from synth.compute.progress import BarProgress, LineProgress, make_progress

REASON = "the normal from the depth plane is 7.3° off the robot's, 5° are allowed [gate]"


def _terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)


def test_a_bar_only_where_a_line_can_be_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, pipes and dumb terminals get lines."""
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_progress(_terminal()), BarProgress)
    assert isinstance(make_progress(Console(file=io.StringIO())), LineProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress(_terminal()), LineProgress)


def test_the_bar_fits_80_columns_with_large_counts_and_a_long_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No word of the bar is cut, and the reason of a refusal can be read whole above it."""
    monkeypatch.setenv("TERM", "xterm")
    console = _terminal()
    progress = make_progress(console, "translate", "images")
    progress.begin(total=36_000, done=12_000)
    progress.refused("000123", REASON)
    progress.advanced(24_000)
    progress.end()
    assert isinstance(console.file, io.StringIO)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert "…" not in text
    assert REASON in " ".join(text.split())
    assert re.search(r"^translate ━+ 36000/36000 \S+ 1 refused", text.replace("\r", "\n"), re.MULTILINE)


def test_lines_count_and_name_what_was_refused() -> None:
    """A log says how much is done at the end, and each refusal with its reason, on one line each."""
    out = io.StringIO()
    progress = make_progress(Console(file=out, width=40, highlight=False))
    progress.begin(total=3, done=1)
    progress.accepted("000001")
    progress.refused("000002", REASON)
    progress.accepted("000002")
    progress.end()
    assert out.getvalue().splitlines() == [f"000002 refused: {REASON}", "3 of 3 samples"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_time_left_before_three_reports(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    """Starting up and what an earlier run did are no measure; then the time left is the true one."""
    monkeypatch.setenv("TERM", "xterm")
    clock = [0.0]
    monkeypatch.setattr("synth.compute.progress.time.monotonic", lambda: clock[0])
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=80, highlight=False)
    progress = make_progress(console, "train", "steps")

    def told_after(seconds: float, n: int) -> str:
        assert isinstance(console.file, io.StringIO)
        console.file.truncate(console.file.seek(0))
        clock[0] += seconds
        progress.advanced(n)
        if isinstance(progress, BarProgress):
            progress._bar.refresh()
        return console.file.getvalue()

    progress.begin(total=1000, done=0)
    told = [told_after(60, 500), told_after(60, 1), told_after(60, 1)]
    progress.end()
    times = [re.findall(r"\d:\d\d:\d\d|about .* left", text) for text in told]
    assert times == [[], [], ["8:18:00" if is_terminal else "about 498.0 min left"]]
