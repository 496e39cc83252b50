"""The tensors that a function of Python computes with, as far as they can be seen."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import FunctionType, MethodType

from torch import Tensor, nn

MOST = 100
"""Entries of a list or dictionary up to which it is looked through."""


def captured_tensors(function: object) -> dict[str, Tensor]:
    """Return the tensors of a function by a name: those of the networks that it calls, and others.

    They are looked for in variables of the functions around it, in its defaults, in the global
    variables that it names, in the object of a method and in the arguments of a
    `functools.partial`; a function that it calls is not looked into.

    >>> network = nn.Linear(2, 1, bias=False)
    >>> list(captured_tensors(lambda images: network(images.mean((2, 3)))))
    ['.network.weight']
    """
    tensors: dict[str, Tensor] = {}
    waiting, seen = [("", function)], set[int]()
    while waiting:
        name, item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            tensors[name] = item
        elif isinstance(item, nn.Module):
            state = item.state_dict()
            tensors |= {f"{name}.{key}": x for key, x in state.items() if isinstance(x, Tensor)}
        else:
            waiting += [(f"{name}.{part}", value) for part, value in _parts(item)]
    return tensors


def _parts(item: object) -> Iterator[tuple[object, object]]:
    """Yield what may hold tensors inside something that is neither a tensor nor a module."""
    if isinstance(item, functools.partial):
        yield from (("function", item.func), ("arguments", item.args), ("keywords", item.keywords))
    elif isinstance(item, MethodType):
        yield from (("object", item.__self__), ("function", item.__func__))
    elif isinstance(item, FunctionType):
        for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
            try:
                yield name, cell.cell_contents
            except ValueError:  # a variable that has no value yet
                continue
        yield "defaults", item.__defaults__
        for name in item.__code__.co_names:
            value = item.__globals__.get(name)
            if isinstance(value, Tensor | nn.Module):
                yield name, value
    elif isinstance(item, list | tuple) and len(item) <= MOST:
        yield from enumerate(item)
    elif isinstance(item, dict) and len(item) <= MOST:
        yield from item.items()
    elif callable(item):
        yield from getattr(item, "__dict__", {}).items()
