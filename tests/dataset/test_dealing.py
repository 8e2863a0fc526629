"""Whoever deals splits keeps groups and shots together; classes that can be measured are."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.dataset.dealing import (
    Card,
    Dealt,
    deal,
    deal_at_random,
    deal_by_class,
    deal_by_words,
    list_apart,
    list_units,
    refuse_torn,
)
from synth.dataset.split import split_counts
from synth.errors import InputError


@st.composite
def hands(draw: st.DrawFn) -> list[Card]:
    """Pictures of a few groups and shots, or of none, that show a few classes."""
    some = st.none() | st.sampled_from("abcd")
    n = draw(st.integers(2, 25))
    return [
        Card(i, f"{i}.png", draw(some), draw(some), frozenset(draw(st.sets(st.sampled_from("uvw")))))
        for i in range(n)
    ]


def by_class_or_random(cards: list[Card], seed: int) -> Dealt:
    try:
        return deal_at_random(cards, seed)
    except InputError:
        assert len(list_units(cards)) == 1
        return deal_by_class(cards)


@pytest.mark.parametrize("deal_cards", [by_class_or_random, lambda cards, seed: deal_by_class(cards)])
@settings(max_examples=40)
@given(hands(), st.integers(0, 9))
def test_groups_and_shots_stay_together(
    deal_cards: Callable[[list[Card], int], Dealt], cards: list[Card], seed: int
) -> None:
    """Every picture has a split, train has some, no group and no shot stands in two; once more the same."""
    dealt = deal_cards(cards, seed)
    assert dealt.keys() == {card.number for card in cards}
    assert "train" in dealt.values()
    refuse_torn(cards, dealt)
    assert list_apart(cards, dealt) == {}
    assert deal_cards(cards, seed) == dealt


@settings(max_examples=40)
@given(hands())
def test_every_class_trains_and_what_can_be_measured_is(cards: list[Card]) -> None:
    """Dealt by classes, every class that is seen is in train, and nothing more could leave train for test."""
    dealt = deal_by_class(cards)
    shown = {
        split: {name for card in cards if dealt[card.number] == split for name in card.classes}
        for split in ("train", "val", "test")
    }
    assert shown["train"] == {name for card in cards for name in card.classes}
    train = [unit for unit in list_units(cards) if dealt[unit[0].number] == "train"]
    for unit in train:
        classes = {name for card in unit for name in card.classes}
        left = {name for other in train if other is not unit for card in other for name in card.classes}
        if classes <= left and len(train) > 1:
            assert classes <= shown["test"]


@given(st.integers(0, 60), st.integers(0, 5))
def test_without_groups_chance_deals_the_usual_counts(n: int, seed: int) -> None:
    """A quarter tests, a fifth of the rest validates, to the picture."""
    found = Counter(deal_at_random([Card(i, str(i)) for i in range(n)], seed).values())
    assert (found["train"], found["val"], found["test"]) == split_counts(n)


def films(**sizes: int) -> list[Card]:
    names = [name for name, n in sizes.items() for _ in range(n)]
    return [Card(i, f"{i}.png", name) for i, name in enumerate(names)]


def test_words_are_groups_or_numbers() -> None:
    """Names of groups, ranges of numbers; the rest trains or is left out; digits may be a group's name."""
    cards = films(a=2, b=2, c=2)
    assert deal_by_words(cards, {"test": "c", "val": " b "}, "train") == dict(
        enumerate(["train", "train", "val", "val", "test", "test"])
    )
    assert deal_by_words(cards, {"test": "4-5"}) == {4: "test", 5: "test"}
    assert deal(cards, {"test": "c"})[0] == "train"
    assert deal(cards, {"test": "c", "train": "a"}).keys() == {0, 1, 4, 5}
    assert deal(cards, {"test": "4-5"}).keys() == {4, 5}
    digits = [Card(i, str(i), "12" if i < 5 else "13") for i in range(14)]
    assert set(deal_by_words(digits, {"test": "12"})) == set(range(5))


REFUSED = [
    ({"test": "0-2"}, r"tear group b apart, whose pictures are alike: 2\.png would be test and 3\.png train"),
    ({"test": "d"}, "names neither groups nor numbers of pictures: the groups are a, b, c"),
    ({"test": "a,9"}, "names neither groups nor numbers"),
    ({"test": "90-99"}, "names no picture: there are 6, numbered 0 to 5"),
    ({"test": "5-4"}, "runs backwards: write 4-5|neither groups nor numbers"),
    ({"test": "a", "val": "a,b"}, "a is in --val and in --test: name it once"),
    ({"test": "0-1", "val": "1-2"}, "picture 1 is in --val and in --test"),
]


@pytest.mark.parametrize(("asked", "sentence"), REFUSED)
def test_other_words_are_refused(asked: dict[str, str], sentence: str) -> None:
    """The sentence names the group, the pictures or what there is."""
    with pytest.raises(InputError, match=sentence):
        deal_by_words(films(a=2, b=2, c=2), asked, "train")


def test_a_shot_is_kept_like_a_group() -> None:
    """Two views of one moment in two splits are refused by the shot's name."""
    cards = [Card(0, "left.png", shot_id="s"), Card(1, "right.png", shot_id="s")]
    with pytest.raises(InputError, match=r"tear shot s apart.*left\.png would be test and right\.png train"):
        deal_by_words(cards, {"test": "0"}, "train")
    with pytest.raises(InputError, match="all 2 pictures are of one group, s"):
        deal_at_random(cards, 0)


def test_recordings_as_people_make_them() -> None:
    """Eight classes in three films and one that is in a single film: two films measure the eight, and the
    lone class trains.
    """
    common = frozenset("abcdefgh")
    cards = [
        Card(i, str(i), group, classes=classes)
        for i, (group, classes) in enumerate(
            [("g1", common)] * 12
            + [("g2", common)] * 12
            + [("g3", common)] * 12
            + [("lone", frozenset("z"))] * 30
        )
    ]
    dealt = deal_by_class(cards)
    by_group = {card.group: dealt[card.number] for card in cards}
    assert by_group["lone"] == "train"
    assert sorted(by_group[g] for g in ("g1", "g2", "g3")) == ["test", "train", "val"]
