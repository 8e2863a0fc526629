"""Any line of JSON is a record that comes back as it was, or a DatasetError of one sentence."""

from pathlib import Path
from random import Random

import pytest
from damage import damage_bytes, damage_json
from guard import attempt
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.dataset.folder import INFO_FILE, PLATES_FILE, REJECTED_FILE, SAMPLES_FILE, parse
from synth.dataset.info import DatasetInfo
from synth.dataset.record import Record
from synth.dataset.sample import Plate, Rejection, Sample

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("model", "file"),
    [(DatasetInfo, INFO_FILE), (Sample, SAMPLES_FILE), (Plate, PLATES_FILE), (Rejection, REJECTED_FILE)],
)
def test_any_line_is_a_record_or_a_sentence(templates: Path, model: type[Record], file: str) -> None:
    """Odd values anywhere in a line: whatever is accepted is written and read again unchanged."""
    content = (templates / "dataset" / file).read_bytes()
    line = content if file == INFO_FILE else content.split(b"\n")[-2]

    @settings(settings.get_profile("fuzz"), max_examples=10 * settings.get_profile("fuzz").max_examples)
    @given(seed=st.integers(0, 2**62))
    def holds(seed: int) -> None:
        rng = Random(seed)
        damaged = (damage_json if rng.random() < 0.8 else damage_bytes)(line, rng)
        record = attempt(lambda: parse(model, damaged, "here"))
        if record is not None:
            assert parse(model, record.to_line().encode(), "there") == record
            for instance in record.instances if isinstance(record, Sample) else ():
                _ = instance.tilt_deg

    holds()
