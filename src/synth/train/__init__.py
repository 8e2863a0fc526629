"""Networks that learn a task from labelled images, by a name and in a folder of their own.

Called, ``synth.train(...)``, it is `synth.front.train`.
"""

from synth.callable_package import make_callable

make_callable(__name__)
