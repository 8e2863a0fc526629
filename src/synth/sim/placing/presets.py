"""How cycles of placing go: numbers with the source of each.

TERSE is Tripathi et al., CVPR 2019; its article and its supplement differ in places, and then the supplement
is followed. Where it uses SGD for the target, `synth.train.loop` has AdamW with its own warm-up and decay.
"""

from dataclasses import dataclass

from synth.networks.architecture import SynthesizerSize
from synth.registry import Registry
from synth.sim.placing.schooling import Schooling


@dataclass(frozen=True)
class Preset:
    """Numbers of a way to run cycles.

    about: what it is for. n_cycles to hard_at: as `CycleSettings` has them. enough_at: hardness from which a
    synthesizer gets nothing for more, ``hard_at`` or above. schooling: of the target. size, dropout,
    learning_rate, weight_decay: of the synthesizer. discriminator_rate: the discriminator's learning rate.
    """

    about: str
    n_cycles: int
    n_learn: int
    keep_learnt: bool
    n_harvest: int
    batch_size: int
    hard_at: float
    enough_at: float
    schooling: Schooling
    size: SynthesizerSize
    dropout: float
    learning_rate: float
    weight_decay: float
    discriminator_rate: float


PRESETS: Registry[Preset] = Registry(
    "preset",
    {
        "quick": Preset(
            about="minutes on two cores",
            n_cycles=5,  # As the article has (A.2).
            n_learn=50,  # Set by us: about a minute of CPU time with a YOLOv5n at 320 px.
            keep_learnt=False,
            n_harvest=40,
            batch_size=8,
            hard_at=0.5,  # A.2: "less than 0.5".
            enough_at=0.75,  # Ours: most of chance's are hard already, and at 0.5 a synthesizer stays put.
            schooling=Schooling(
                epochs=3, ratio=1, learning_rate=2e-4, batch_size=16
            ),  # A tenth of detection's.
            size="small",
            dropout=0.0,
            learning_rate=1e-3,  # Section 3.4, for small networks.
            weight_decay=5e-4,  # Section 3.4.
            discriminator_rate=1e-4,  # A.2.
        ),
        "paper-digits": Preset(
            about="TERSE's on digits (section 3.4 and A.1)",
            n_cycles=5,
            n_learn=200,  # Until enough are kept, 500 of each class in a cycle (A.1), which names no end.
            keep_learnt=True,  # A.1: a cache of hard examples seen while the synthesizer learns.
            n_harvest=1,
            batch_size=1024,  # A.1.
            hard_at=0.525,  # A.1: p − p* > 0.05, where hardness is (1 + p − p*)/2.
            enough_at=0.525,
            schooling=Schooling(
                epochs=30, ratio=1, learning_rate=1e-3, batch_size=64
            ),  # A.1, but for the rate.
            size="digits",  # Xavier's weights with a gain of 0.4 (A.1) go with it.
            dropout=0.5,  # A.1.
            learning_rate=1e-3,  # Section 3.4, A.1.
            weight_decay=5e-4,  # Section 3.4.
            discriminator_rate=1e-4,
        ),
        "paper-pictures": Preset(
            about="TERSE's on photographs (A.2)",
            n_cycles=5,  # A.2.
            n_learn=1000,  # A.2.
            keep_learnt=False,
            n_harvest=100,  # A.2.
            batch_size=16,  # A.2.
            hard_at=0.5,  # A.2.
            enough_at=0.5,
            schooling=Schooling(epochs=3, ratio=1, learning_rate=1e-5, batch_size=16),  # A.2; ratio: table 2.
            size="pictures",
            dropout=0.0,
            learning_rate=1e-4,  # A.2.
            weight_decay=5e-4,  # Section 3.4.
            discriminator_rate=1e-4,  # A.2.
        ),
    },
)
