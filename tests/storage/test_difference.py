"""What differs between two configurations is told so that a person can act on it."""

from synth.storage.difference import list_changes


def test_every_value_that_differs_is_a_line() -> None:
    """Nested ones by their path, absent ones as nothing, long ones cut."""
    found = {"seed": 1, "share": {"fresh": 2}, "name": "a" * 70}
    wanted = {"seed": 1, "share": {"fresh": 3, "twin": 4}, "name": "b"}
    assert list_changes(found, wanted) == [
        "share.fresh: 2 became 3",
        "share.twin: nothing became 4",
        f"name: {'a' * 57}... became b",
    ]


def test_a_digest_is_said_to_be_one() -> None:
    """Of a table of groups, say, of which a configuration keeps what it held and not where it lay."""
    (line,) = list_changes({"group": "3f" * 32}, {"group": "8a" * 32})
    assert line == "group: contents of sha256 3f3f3f3f... became contents of sha256 8a8a8a8a..."
