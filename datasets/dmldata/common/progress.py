"""Progress of long tasks: its one signature, and how it is shown.

On a terminal it is drawn by rich. In a notebook rich and tqdm need ipywidgets, which not everyone
has, so a line is redrawn there. In a log rich shows only the end of a task, and tqdm redraws one
line with carriage returns, so lines are printed from time to time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from dmldata.common.notebook import Cell, in_notebook
from dmldata.common.output import say, shown
from dmldata.common.text import duration

if TYPE_CHECKING:
    from rich.live import Live


class Progress(Protocol):
    """A progress callback, called as often as there is progress; `Bar.report` is one."""

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


Advance = Callable[[int], None]
"""Called with the number of further units that are done; `Bar.advance` is one."""

LINE_SECONDS = 15.0
"""Seconds between two lines of progress in a log."""
CELL_SECONDS = 0.25
"""Seconds between two drawings of a line of progress in a notebook."""


class Bar:
    """Progress of a task: a bar on a terminal, elsewhere a line from time to time."""

    def __init__(self, show: Callable[..., None]) -> None:
        self._show = show

    def advance(self, n: int = 1) -> None:
        """Count `n` more units as done."""
        self._show(advance=n)

    def describe(self, text: str) -> None:
        """Change the description of the current task."""
        self._show(description=shown(text))

    def report(self, stage: str, done: int, total: int) -> None:
        """Show progress as a `Progress` callback."""
        self._show(description=shown(stage), completed=done, total=total)


class _Lines:
    """Shows lines like `maps: 3 of 8, 2 minutes left`, `seconds` apart."""

    def __init__(
        self, description: str, total: int | None, show: Callable[[str], None], seconds: float
    ) -> None:
        self._description, self._total = description, total
        self._show, self._seconds = show, seconds
        self._done = 0
        self._began = self._said = time.monotonic()

    def update(
        self,
        *,
        advance: int = 0,
        completed: int | None = None,
        total: int | None = None,
        description: str | None = None,
    ) -> None:
        now = time.monotonic()
        if description is not None and description != self._description:
            self._description, self._done, self._began = description, 0, now
        self._done = self._done + advance if completed is None else completed
        self._total = self._total if total is None else total
        if now - self._said >= self._seconds:
            self._said = now
            self._show(self._line(now - self._began))

    def show(self) -> None:
        """Show the line now."""
        self._show(self._line(time.monotonic() - self._began))

    def _line(self, seconds: float) -> str:
        if self._total is None:
            return self._description
        line = f"{self._description}: {self._done} of {self._total}"
        if self._done and seconds > 0:
            line += f", {duration(seconds / self._done * (self._total - self._done))} left"
        return line


@contextmanager
def progress_bar(description: str, total: int | None, *, quiet: bool = False) -> Iterator[Bar]:
    """Show progress on stderr while the block runs: a bar on a terminal, a line in a notebook that
    is redrawn, lines from time to time elsewhere.

    Args:
        description: name of the task.
        total: number of units in all; None if not known yet.
        quiet: show nothing.
    """
    if quiet:
        yield Bar(lambda **_: None)
        return
    if in_notebook():
        lines = _Lines(description, total, Cell().show, CELL_SECONDS)
        lines.show()
        yield Bar(lines.update)
        lines.show()
        return
    if not sys.stderr.isatty():
        yield Bar(_Lines(description, total, partial(say, error=True), LINE_SECONDS).update)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bar:
        yield Bar(partial(bar.update, bar.add_task(description, total=total)))


class Show:
    """Status lines: redrawn in place on a terminal and in a notebook, printed one by one elsewhere.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Live | None = None
        self._cell = Cell() if in_notebook() and not quiet else None

    @property
    def is_live(self) -> bool:
        """Return whether `update` has an effect: lines can be redrawn, and not quiet."""
        return self._live is not None or self._cell is not None

    def __enter__(self) -> Show:
        if not self._quiet and self._cell is None and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, lines: Sequence[str]) -> None:
        """Draw these lines in place of the previous ones."""
        if self._cell is not None:
            self._cell.show(shown("\n".join(lines)))
        elif self._live is not None:
            from rich.text import Text

            self._live.update(Text(shown("\n".join(lines))))

    def say(self, text: str) -> None:
        """Print a line, unless lines are redrawn in place."""
        if not self.is_live and not self._quiet:
            say(text, error=True)
