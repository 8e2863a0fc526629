"""Which versions a dataset or a run was made with."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def list_versions(packages: Iterable[str]) -> dict[str, str]:
    """Python's version and that of every package that is installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
