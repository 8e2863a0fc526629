"""Refuses what must never be committed: registry addresses, paths of one machine, big files, long modules."""

import re
import subprocess
import sys
from pathlib import Path

REGISTRY = re.compile(
    r"(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian\.org|-index-url[\s=]|-find-links[\s=]|resolved\"?:)"
)
MACHINE_PATH = re.compile(r"(?<![\w.~}$/-])/(home|root|Users|work|mnt|opt|farm)/[\w.-]+")
MAX_BYTES = 5_000_000
MAX_LINES = 400


def findings(path: Path) -> list[str]:
    """One sentence for each thing wrong with a tracked file."""
    if path.stat().st_size > MAX_BYTES:
        return [f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are allowed"]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
    found = []
    for number, line in enumerate(lines, 1):
        if match := REGISTRY.search(line):
            found.append(f"{path}:{number}: names a package registry: {match[0]}")
        if match := MACHINE_PATH.search(line):
            found.append(f"{path}:{number}: holds a path of one machine: {match[0]}")
    if path.suffix == ".py" and len(lines) > MAX_LINES:
        found.append(f"{path}: {len(lines)} lines; split it by noun, {MAX_LINES} are the limit")
    return found


def main() -> int:
    """Check every tracked file but this one."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout.decode()
    paths = [Path(name) for name in listed.split("\0") if name]
    found = [
        f
        for path in paths
        if path.is_file() and path != Path("scripts/check_tree.py")
        for f in findings(path)
    ]
    print(
        "\n".join(found)
        if found
        else f"{len(paths)} tracked files hold no registry address, machine path or giant."
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
