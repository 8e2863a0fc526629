"""Label maps that trained networks make: pseudo-labels, with how sure each pixel's is.

Called, ``synth.label(...)``, it is `synth.front.label`.
"""

from synth.callable_package import make_callable

make_callable(__name__)
