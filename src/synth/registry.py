"""Members of one kind by name: the tasks, the methods, the sources, the engines, the arms, the cameras.

A member stands in a file of its own and is named in its kind's registry, nowhere else. Named as
``"module:name"`` it is imported when it is first asked for, so that names cost nothing.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from synth.errors import InputError

M = TypeVar("M")


class Registry(MutableMapping[str, M], Generic[M]):
    """A dict from name to member, in the order of registration.

    kind: what one is called in messages, ``task``. members: objects, or ``"module:name"``. Neither ``in`` nor
    listing names imports anything.
    """

    def __init__(self, kind: str, members: Mapping[str, M | str]) -> None:
        self.kind = kind
        self._members: dict[str, M | str] = dict(members)

    def __getitem__(self, name: str) -> M:
        """The member; raises InputError that lists all names for one that is not there."""
        if name not in self._members:
            raise InputError(f"there is no {self.kind} {name!r}: choose among {', '.join(self)}")
        member = self._members[name]
        if isinstance(member, str):
            module, _, attribute = member.partition(":")
            member = getattr(import_module(module), attribute)
            self._members[name] = member
        return member

    def __setitem__(self, name: str, member: M | str) -> None:
        self._members[name] = member

    def __delitem__(self, name: str) -> None:
        del self._members[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The member, or ``default`` where there is none of that name."""
        return self[name] if name in self else default  # noqa: SIM401

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"Registry({self.kind}: {', '.join(self)})"
