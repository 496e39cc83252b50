"""Text in a notebook that is redrawn in place."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook, and not a terminal or a script."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


class Cell:
    """Text below the running cell of a notebook; each `show` takes the place of the one before."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Show this text."""
        # Only kernels of notebooks call this, and they bring IPython along.
        display = import_module("IPython.display").display
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
