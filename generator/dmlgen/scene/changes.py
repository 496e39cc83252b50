"""Apply only what differs from the previous picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Changes:
    """Remembers the arguments of each function and calls it only if they differ from the last call.

    Setting a Blender property to its present value makes Cycles rebuild all that depends on it.
    """

    def __init__(self) -> None:
        self._last: dict[Callable[..., None], tuple[Any, ...]] = {}

    def apply(self, function: Callable[..., None], values: Mapping[str, Any], *keys: str) -> None:
        """Call `function` with the values of `keys` if they changed.

        A factor that means nothing in this picture has no value: None.
        """
        arguments = tuple(values.get(key) for key in keys)
        if self._last.get(function) != arguments:
            function(*arguments)
            self._last[function] = arguments
