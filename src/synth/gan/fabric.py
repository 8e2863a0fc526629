"""Lightning Fabric, without what it loads only to ask for a version; the one door to it."""

import sys

_ASKED_FOR_ITS_VERSION = "torchmetrics"
"""Only a watch over losses that nobody sets up here needs it; it takes a second to load, with torchvision."""

if _ASKED_FOR_ITS_VERSION in sys.modules:
    from lightning_fabric import Fabric
else:
    sys.modules[_ASKED_FOR_ITS_VERSION] = None  # type: ignore[assignment]
    try:
        from lightning_fabric import Fabric
    finally:
        del sys.modules[_ASKED_FOR_ITS_VERSION]

__all__ = ["Fabric"]
