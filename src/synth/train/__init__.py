"""Networks that read images, and how they learn: labelled patches in, a frozen reader out.

Called, ``synth.train(...)``, it is `synth.front.train`.
"""

from synth.callable_package import make_callable

make_callable(__name__)
