"""Whether the command line understands what the program tells to type; nothing is run."""

import shlex
from typing import Any

from typer.main import get_command

from synth.cli import app
from synth.renamed import refuse_old_words


def refuse_misunderstood(line: str) -> None:
    """Raises AssertionError for a line whose verb, options or arguments are not there, or are old words."""
    command: Any = get_command(app)
    program, *words = shlex.split(line)
    assert program == "synth", line
    try:
        refuse_old_words(words, command)
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context(line, words)
    except Exception as error:
        raise AssertionError(f"{line}: {error}") from error
