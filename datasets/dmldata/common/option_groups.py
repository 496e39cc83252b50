"""Groups of options: a function takes a dataclass, its caller names the fields as keywords."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Returned = TypeVar("Returned")


def expand_options(function: Callable[..., Returned]) -> Callable[..., Returned]:
    """Return a function that takes the fields of each dataclass parameter as keyword arguments.

    Its signature lists the fields, for Typer and for `help`; the dataclass itself is accepted, too.
    Options that belong together, or that several
    commands have, are declared once, as the fields of one dataclass.

    Args:
        function: its keyword-only parameters with a dataclass as their type are groups of options.

    Raises:
        TypeError: two groups or fields have the same name.

    >>> @dataclasses.dataclass
    ... class Size:
    ...     width: int = 1
    ...     height: int = 1
    >>> def area(*, size: Size) -> int:
    ...     return size.width * size.height
    >>> expand_options(area)(width=3), list(inspect.signature(expand_options(area)).parameters)
    (3, ['width', 'height'])
    """
    types = get_type_hints(function, include_extras=True)
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind = types[parameter.name]
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        if by_name and isinstance(kind, type) and dataclasses.is_dataclass(kind):
            groups[parameter.name] = kind
            parameters += _fields(kind)
        else:
            parameters.append(parameter.replace(annotation=kind))

    names = [*groups, *(parameter.name for parameter in parameters)]
    clashes = {name for name in names if names.count(name) > 1}
    if clashes:
        raise TypeError(f"{function.__name__}: {min(clashes)} names two groups or fields")

    @functools.wraps(function)
    def expanded(*args: object, **values: object) -> Returned:
        options: dict[str, object] = {}
        for name, kind in groups.items():
            if name in values:
                continue
            fields = [field.name for field in dataclasses.fields(kind) if field.name in values]
            options[name] = kind(**{field: values.pop(field) for field in fields})
        return function(*args, **values, **options)

    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return expanded


def _fields(kind: type) -> list[inspect.Parameter]:
    types = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=types[field.name],
        )
        for field in dataclasses.fields(kind)
    ]


def _default(field: dataclasses.Field[Any]) -> object:
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
