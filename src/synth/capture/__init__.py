"""Plan, move, shoot, label, judge, write: a labelled dataset from one work cell.

Called, ``synth.capture(...)``, it is `synth.front.capture`.
"""

from synth.callable_package import make_callable

make_callable(__name__)
