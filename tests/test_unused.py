"""What nothing reads is not kept."""

import re
from collections import Counter
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src/synth"
CONSTANT = re.compile(r"^([A-Z_][A-Z0-9_]+)(?::[^=\n]+)? = ", re.MULTILINE)
PRIVATE = re.compile(r"^(?! *@).*\n *(?:def|class) (_\w*[a-zA-Z0-9])\b", re.MULTILINE)


def test_every_constant_and_every_private_name_is_read() -> None:
    """Somewhere in the program itself, docstrings aside; what a decorator takes is read by it."""
    texts = [re.sub(r'"""[\s\S]*?"""', "", path.read_text()) for path in SOURCES.rglob("*.py")]
    words = Counter(word for text in texts for word in re.findall(r"\w+", text))
    defined = {name for text in texts for pattern in (CONSTANT, PRIVATE) for name in pattern.findall(text)}
    assert len(defined) > 1000
    assert {name for name in defined if words[name] == 1} == set()
