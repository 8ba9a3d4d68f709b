"""`dataclass` as the standard library has it, for frozen ones, at a tenth of what it costs to define them.

The standard one compiles the text of up to six methods for every class, used or not. A daemon defines 110 on its way to
READY, which took a sixth of its start. Here `__init__` is compiled when the first object is made, and the others have
no text of their own. Fields, slots, `replace`, `asdict` and matching are the standard library's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - what a type checker knows of it holds here too
else:

    def dataclass(*, frozen: Literal[True], eq: bool = True, **options: bool) -> Callable[[type[Class]], type[Class]]:
        """Of the standard library's arguments those that concern methods are `frozen`, always true, and `eq`."""
        del frozen

        def make(given: type[Class]) -> type[Class]:
            made = dataclasses.dataclass(given, init=False, repr=False, eq=False, **options)
            methods = {"__init__": first_init(made), **FROZEN} | (equality(made) if eq else {})
            for name, method in methods.items():
                if name not in vars(given):
                    setattr(made, name, method)
            return made

        return make


Class = TypeVar("Class")
Method = Callable[..., Any]


def first_init(made: type) -> Method:
    """An `__init__` that compiles the one that takes its place."""

    def init(self: Any, *given: Any, **named: Any) -> None:
        made.__init__ = written_init(made)  # type: ignore[misc]
        made.__init__(self, *given, **named)  # type: ignore[misc]

    return init


def written_init(made: type) -> Method:
    """The `__init__` that its fields ask for, each an argument unless it says otherwise."""
    known: dict[str, Any] = {"put": object.__setattr__, "MISSING": dataclasses.MISSING}
    ordered, named, body = ["self"], ["*"], []
    for field in dataclasses.fields(made):
        name, value = field.name, field.name
        default = f"default_of_{name}"
        if field.default_factory is not dataclasses.MISSING:
            known[default] = field.default_factory
            value = f"{default}() if {name} is MISSING else {name}" if field.init else f"{default}()"
        elif field.default is not dataclasses.MISSING:
            known[default] = field.default
            value = name if field.init else default
        elif not field.init:
            continue
        body.append(f"put(self, {name!r}, {value})")
        if field.init:
            absent = "MISSING" if field.default_factory is not dataclasses.MISSING else default
            argument = f"{name}={absent}" if default in known else name
            (named if field.kw_only else ordered).append(argument)
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    arguments = ", ".join([*ordered, *(named if named[1:] else ())])
    exec(f"def __init__({arguments}):\n " + "\n ".join(body or ["pass"]), known)  # noqa: S102 - as the standard one does
    known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
    init: Method = known["__init__"]
    return init


def equality(made: type) -> dict[str, Method]:
    """`__eq__` and `__hash__` over the fields that are compared."""
    names = [field.name for field in dataclasses.fields(made) if field.compare]
    key = attrgetter(*names) if names else type  # all of a class without fields are one

    def equal(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    return {"__eq__": equal, "__hash__": lambda self: hash(key(self))}


def told(self: Any) -> str:
    """`repr()`."""
    fields = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(fields)})"


def not_set(_self: Any, name: str, _value: object = None) -> None:
    """Raises FrozenInstanceError, whatever is set or deleted."""
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def kept(self: Any) -> list[Any]:
    """What a pickle or a copy keeps of it."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def restore(self: Any, values: list[Any]) -> None:
    """The same as it was."""
    for field, value in zip(dataclasses.fields(self), values, strict=True):
        object.__setattr__(self, field.name, value)


FROZEN: dict[str, Method] = {
    "__repr__": told,
    "__setattr__": not_set,
    "__delattr__": not_set,
    "__getstate__": kept,
    "__setstate__": restore,
}
