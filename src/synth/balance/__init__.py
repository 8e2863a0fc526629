"""Label maps in which rare classes are less rare, made from training maps alone.

Called, ``synth.balance(...)``, it is `synth.front.balance`.
"""

from synth.callable_package import make_callable

make_callable(__name__)
