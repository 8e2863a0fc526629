"""Words that the command line has left behind; each is answered with the one that stands in its place."""

from collections.abc import Sequence

from synth.errors import InputError

RENAMED: dict[str, dict[str, str]] = {
    "render": {
        "--twins": "--share twin=N",
        "--fresh": "--share fresh=N",
        "--bins": "--share bin=N",
        "--like": "--over",
    },
}
"""By verb, old option or argument and what is written now. A verb that was renamed stands under ``synth``."""


def refuse_old_words(args: Sequence[str]) -> None:
    """Raises InputError that says the new word for the first old one among a command's words."""
    options_from = next((i for i, word in enumerate(args) if word.startswith("-")), len(args))
    for n in range(1, options_from + 1):
        verb = " ".join(args[:n])
        if new := RENAMED.get("synth", {}).get(verb):
            raise InputError(f"synth {verb} is called synth {new} now: say synth {new}")
        known = RENAMED.get(verb, {})
        for word in args[n:]:
            old = word.partition("=")[0]
            if old in known:
                raise InputError(f"{old} of synth {verb} is called {known[old]} now: say {known[old]}")
