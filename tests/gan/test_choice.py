"""Which checkpoint is kept."""

import pytest

from synth.errors import InputError
from synth.gan.choice import RealImages, choose, face_rivals
from synth.gan.distance import Distances
from synth.gan.judge import Change, Score
from synth.metrics.intervals import Estimate
from synth.witness.observation import WitnessScore

COST = RealImages(for_training=10, for_choosing=4, labels_for_choosing=0)


def make_score(step, kernel, *, box=0.005, normal_deg=0.5, kept=1.0, iou=None):
    downstream = None if iou is None else WitnessScore(8, 1.0, iou, 1.0, 8, 5.0, 8)
    distance = Estimate(kernel, kernel / 2, kernel * 2, 16)
    return Score(
        step,
        Distances({"kernel_distance": distance}),
        box,
        normal_deg,
        12,
        kept,
        Change(1.0, 1.0),
        downstream,
    )


def pick(scores, criterion="own-val", sway_deg=0.5):
    return choose(scores, criterion, normal_sway_deg=sway_deg, real_images=COST)


def test_the_smallest_distance_wins_among_those_that_keep_labels():
    """A checkpoint that looks best but moves boxes is passed over."""
    choice = pick([make_score(10, 3.0), make_score(20, 2.0), make_score(30, 1.0, box=0.05)])
    assert choice.step == 20
    assert choice.labels_kept
    assert "2 that kept labels" in choice.why


@pytest.mark.parametrize(
    "spoilt", [{"box": 0.021}, {"normal_deg": 2.6}, {"kept": 0.94}], ids=["box", "normal", "mask"]
)
def test_every_way_of_losing_labels_counts(spoilt):
    """Boxes by 2 % of their side, normals by 2° beyond the witness's unrest, masks by a twentieth."""
    assert pick([make_score(10, 3.0), make_score(20, 1.0, **spoilt)]).step == 10


def test_the_witness_own_unrest_is_allowed_for():
    """What moves normals by no more than look changes alone do is no drift."""
    assert pick([make_score(10, 3.0), make_score(20, 1.0, normal_deg=2.6)], sway_deg=0.7).step == 20


def test_with_no_label_keeping_checkpoint_the_least_harm_is_kept_and_said():
    """Something is chosen, and the reason does not pretend."""
    choice = pick([make_score(10, 1.0, box=0.2), make_score(20, 9.0, box=0.1)])
    assert choice.step == 20
    assert not choice.labels_kept
    assert "no checkpoint kept labels" in choice.why


def test_where_nothing_is_found_any_more_it_is_said():
    """A checkpoint that lost every part has no drift to compare: another is kept, or all is said lost."""
    nothing = make_score(10, 1.0, box=float("nan"), kept=0.0)
    assert pick([nothing, make_score(20, 9.0, box=0.3)]).step == 20
    assert "lost all" in pick([nothing]).why


def test_real_labels_decide_when_asked():
    """real-val goes by the network trained on translated images, whatever the distance says."""
    scores = [make_score(10, 1.0, iou=0.5), make_score(20, 2.0, iou=0.8)]
    assert pick(scores, "real-val").step == 20
    assert pick(scores, "own-val").step == 10


def test_real_labels_need_to_have_been_asked():
    """Scores without a task network cannot be chosen between by one."""
    with pytest.raises(InputError, match="real-val needs scores of a task network"):
        pick([make_score(10, 1.0), make_score(20, 2.0)], "real-val")


def test_nothing_judged_is_nothing_chosen():
    """One sentence, not an IndexError."""
    with pytest.raises(InputError, match="no checkpoint was judged"):
        pick([])


def face(score, rivals, lead, criterion="own-val"):
    """What is chosen of one checkpoint and its rivals, whose lead over any is an interval."""
    choice = pick([score], criterion)
    return face_rivals(choice, score, rivals, lambda _name: Estimate(*lead, 16), normal_sway_deg=0.5)


def test_a_checkpoint_is_kept_for_a_clear_lead_over_the_best_rival():
    """Its interval excludes 0; the rival that it is measured against is the nearest that keeps labels."""
    rivals = {
        "untouched": make_score(0, 9.0),
        "gains": make_score(0, 3.0),
        "fda": make_score(0, 1.0, box=0.1),
    }
    asked = []
    score = make_score(10, 1.5)

    def lead(name):
        asked.append(name)
        return Estimate(1.5, 0.2, 2.9, 16)

    choice = face_rivals(pick([score]), score, rivals, lead, normal_sway_deg=0.5)
    assert asked == ["gains"]
    assert choice.rival is None
    assert "against gains, the best baseline: kernel distance to real val images smaller by 1.5" in choice.why


def test_without_a_clear_lead_the_rival_is_applied():
    """The figures stand in the reason, and the step that was best is still named."""
    choice = face(make_score(10, 2.9), {"gains": make_score(0, 3.0)}, (0.1, -0.5, 0.8))
    assert choice.rival == "gains"
    assert choice.step == 10
    assert "no clear lead" in choice.why
    harmful = face(make_score(10, 0.1, box=0.1), {"gains": make_score(0, 3.0)}, (2.9, 2.5, 3.3))
    assert harmful.rival == "gains"
    assert "no checkpoint kept labels" in harmful.why


def test_rivals_that_harm_labels_count_for_nothing():
    """Then the choice is as it was."""
    score = make_score(10, 2.9)
    assert face(score, {"fda": make_score(0, 0.1, box=0.1)}, (-2.8, -3, -2)) == pick([score])
    assert face(score, {}, (0, 0, 0)) == pick([score])


def test_by_real_val_the_higher_mask_iou_wins():
    """Whatever the kernel distances say."""
    rivals = {"untouched": make_score(0, 9.0, iou=0.4), "gains": make_score(0, 1.0, iou=0.6)}
    assert face(make_score(10, 5.0, iou=0.7), rivals, (-4, -5, -3), "real-val").rival is None
    assert face(make_score(10, 0.5, iou=0.6), rivals, (0.5, 0.4, 0.6), "real-val").rival == "gains"
