"""What a chain of stages has read of real labels, computed from its last records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.dataset.origin import (
    USES,
    Origin,
    Parent,
    Reading,
    Step,
    count_real_labels,
    decode_readings,
    encode_readings,
    merge_parents,
    trace,
)

SHA = "a" * 64


def parent(i: int, *used: str, kind: str = "real", dataset: str = "real") -> Parent:
    return Parent(
        dataset=dataset,
        kind=kind,
        digest=SHA,
        name=f"{i:06d}",
        split="train",
        pixels_sha256=f"{i:064x}",
        used=used,
    )


def test_a_chain_counts_each_real_sample_once() -> None:
    """Twins, their translations, composites of these: poses of two, masks of those that gave a look."""
    render, translate = Step(verb="render", method="twin"), Step(verb="translate", checkpoint_sha256="b" * 64)
    twins = [Origin(parents=(parent(i, "pose"),), steps=(render,)) for i in (1, 2)]
    translated = [
        twin.then(translate, parent(i, "pixels", "labels", "mask", kind="rendered", dataset="synthetic"))
        for i, twin in enumerate(twins, start=1)
    ]
    composite = Origin(
        parents=merge_parents(*translated[0].parents, *translated[1].parents), steps=(Step(verb="compose"),)
    )
    look = Reading(dataset="real", kind="real", digest=SHA, used=("mask", "look"), names=("000001", "000007"))
    checkpoint = look.model_copy(update={"used": ("pixels",), "checkpoint_sha256": "b" * 64})
    wanted = {"labels": 0, "mask": 2, "pose": 2}
    assert count_real_labels(translated, [look, checkpoint]) == wanted
    assert count_real_labels([composite, *translated], [look, checkpoint]) == wanted


def test_what_is_not_told_is_not_counted_as_nothing() -> None:
    """A parent of schema 1, and a checkpoint that lists nothing, leave the count unknown."""
    old = Parent(dataset="real", name="000001", split="train", pixels_sha256=SHA)
    assert count_real_labels([Origin(parents=(old,))], []) is None
    unlisted = Origin(steps=(Step(verb="translate", checkpoint_sha256=SHA),))
    assert count_real_labels([unlisted], []) is None
    assert count_real_labels([Origin()], []) == {"labels": 0, "mask": 0, "pose": 0}


def test_what_stands_behind_a_checkpoint_s_images_is_traced() -> None:
    """Renderings that used poses of real samples bring these into the list of whom they train."""
    twins = [Origin(parents=(parent(i, "pose"),)) for i in (1, 2, 2)]
    (reading,) = trace(twins, "made")
    assert (reading.names, reading.used, reading.role) == (("000001", "000002"), ("pose",), "made")
    assert count_real_labels([], [reading]) == {"labels": 0, "mask": 0, "pose": 2}
    old = Parent(dataset="real", name="000001", split="train", pixels_sha256=SHA)
    assert count_real_labels([], trace([Origin(parents=(old,))], "made")) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.sampled_from(USES))), max_size=12))
def test_merging_keeps_every_use_and_every_parent(taken: list[tuple[int, set[str]]]) -> None:
    """In whatever order and however often: each parent once, with the union of what was taken."""
    merged = merge_parents(*(parent(i, *sorted(used)) for i, used in taken))
    assert [p.name for p in merged] == list(dict.fromkeys(f"{i:06d}" for i, _ in taken))
    for p in merged:
        assert {*p.used} == set().union(*(used for i, used in taken if p.name == f"{i:06d}"))


def test_readings_come_back_from_a_header() -> None:
    """As text and back; what is no such list is refused."""
    rng = np.random.default_rng(0)
    names = tuple(f"{i:06d}" for i in rng.permutation(20))
    readings = (
        Reading(dataset="real", kind="real", digest=SHA, role="chosen", used=("labels",), names=names),
    )
    assert decode_readings(encode_readings(readings)) == readings
    with pytest.raises(ValueError, match="dataset"):
        decode_readings('[{"names": []}]')
