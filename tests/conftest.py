"""Lets the tests of every folder import bop_scene and toy_patches."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
