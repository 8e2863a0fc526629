"""Lines of benchmarks/results/NAME.jsonl that a frozen benchmark appends, one a training, and goes on by."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def append(results: Path, line: Line, frozen: str) -> None:
    """One line, with the day of the settings and of the figure, and the code's commit."""
    here = Path(__file__).resolve().parent
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    made = {"frozen": frozen, "date": time.strftime("%Y-%m-%d"), "commit": commit.stdout.strip()}
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | made) + "\n")


def read_lines(results: Path, frozen: str) -> list[Line]:
    """Those that were made with the settings of that day."""
    lines = map(json.loads, results.read_text(encoding="utf-8").splitlines()) if results.is_file() else ()
    return [line for line in lines if line["frozen"] == frozen]
