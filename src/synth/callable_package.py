"""A package that is a function too: ``synth.capture(...)`` is the front's, ``synth.capture.run`` a module."""

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A module that, when it is called, calls the function of ``synth.front`` that has its name."""

    @property
    def _function(self) -> Any:
        return getattr(import_module("synth.front"), self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.__name__,)


def make_callable(package: str) -> None:
    """Lets a package, which names itself, be called."""
    sys.modules[package].__class__ = CallablePackage
