"""The words that options of segmentation take."""

from typing import Literal

Optimiser = Literal["adamw", "sgd"]
"""sgd: with a momentum of 0.9."""

Rate = Literal["poly", "cosine"]
"""poly: (1 − share of the training done)^0.9, after DeepLab (Chen et al., arXiv:1606.00915). cosine: the
loop's own, with a rise before.
"""

Loss = Literal["cross-entropy", "bootstrapped"]
"""bootstrapped: of the pixels whose loss is above 0.3 or, where they are fewer, of the 4096 hardest ones of
each picture, as FC-HarDNet's authors train (github.com/PingoLH/FCHarDNet).
"""

ClassWeights = Literal["none", "inverse-log"]
"""inverse-log: 1 / ln(1.05 + p), p a class's share of the train pixels; after ENet (Paszke et al.,
arXiv:1606.02147), whose 1.02 is 1.05 here.
"""

Sampling = Literal["uniform", "rare"]
"""rare: a class is drawn by softmax((1 − f) / 0.01), f its share of the train pixels, then a picture that
shows it, and a crop that keeps at least half of it (DAFormer, Hoyer et al., arXiv:2111.14887).
"""
