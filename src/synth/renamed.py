"""Words that the command line has left behind; each is answered with the one that stands in its place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synth.errors import InputError

RENAMED: dict[str, dict[str, str]] = {
    "synth": {
        "dataset info": "dataset stats",
    },
    "compare": {
        "--arms": "--mixes",
        "--real": "--data real=PATH",
        "--synthetic": "--data synthetic=PATH",
        "--translated": "--data translated=PATH",
        "--quick": "--preset quick",
        "--paper": "--preset paper",
        "--real-val": "--choose real-val",
    },
    "train": {"--paper-crops": "--plain-crops"},
    "render": {
        "--twins": "--share twin=N",
        "--fresh": "--share fresh=N",
        "--bins": "--share bin=N",
        "--like": "--over",
    },
}
"""By verb, old option or argument and what is written now. A verb that was renamed stands under ``synth``."""

OPTION_OF_ARGUMENT: dict[str, str] = {
    "evaluate": "--run",
    "predict": "--run",
    "export-model": "--checkpoint",
}
"""By verb, the option that took the place of its first argument, a trained network."""


def refuse_old_words(args: Sequence[str], command: Any) -> None:
    """Raises InputError that says the new word for the first old one among a command's words.

    command: the root of the commands, which know what options are followed by a value; a value is never old.
    """
    verb: list[str] = []
    options: list[str] = []
    arguments: list[str] = []
    words = iter(args)
    for word in words:
        old, _, value = word.partition("=")
        if word == "--":
            break
        if new := RENAMED["synth"].get(" ".join([*verb, word])):
            raise InputError(f"synth {' '.join([*verb, word])} is called synth {new} now: say synth {new}")
        if new := RENAMED.get(" ".join(verb), {}).get(old):
            raise InputError(f"{old} of synth {' '.join(verb)} is called {new} now: say {new}")
        if word in getattr(command, "commands", {}):
            verb, command = [*verb, word], command.commands[word]
        elif not word.startswith("-"):
            arguments.append(word)
        else:
            options.append(old)
            if not value and _takes_value(command, word):
                next(words, None)
    option = OPTION_OF_ARGUMENT.get(" ".join(verb))
    if option and arguments and option not in options and _is_network(arguments[0], command):
        raise InputError(
            f"{arguments[0]} of synth {' '.join(verb)} is given as {option} now: say {option} {arguments[0]}"
        )


def _is_network(argument: str, command: Any) -> bool:
    """A verb without arguments can have meant nothing else; a picture is no folder and no weights."""
    if not any(param.param_type_name == "argument" for param in command.params):
        return True
    return Path(argument).is_dir() or Path(argument).suffix == ".safetensors"


def _takes_value(command: Any, word: str) -> bool:
    return any(
        word in option.opts and not option.is_flag for option in command.params if word.startswith("-")
    )
