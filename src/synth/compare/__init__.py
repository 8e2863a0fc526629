"""What each kind of training data is worth on real held-out images.

Called, ``synth.compare(...)``, it is `synth.front.compare`.
"""

from synth.callable_package import make_callable

make_callable(__name__)
