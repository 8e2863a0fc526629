"""Lets the tests of this folder, and the children they start, import counting_worker."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
