"""Lets the tests of every folder import bop_scene and its like, and their child processes obey Ctrl-C."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # Begun in the background of a script.
    signal.signal(signal.SIGINT, signal.default_int_handler)
