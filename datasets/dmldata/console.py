"""What both commands share at the terminal: exit codes, one-line errors, progress, tables."""

from __future__ import annotations

import json
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from dmldata.errors import PrismError, one_line

if TYPE_CHECKING:
    import typer
    from rich.live import Live
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Report = Callable[[str, int, int], None]
"""A progress callback: (stage, done, total), called as often as the work likes."""

INTERRUPTED = 130


def run(app: typer.Typer, prog: str, args: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and leave the process with its exit code.

    0 on success, 2 for what the user gave, 1 for what failed on the way, 130 when interrupted.
    An error is one line on stderr, or one JSON object where `--json` stands in the arguments.
    `--debug` may stand anywhere before `--`; it is taken out here and adds the traceback.

    Args:
        app: the commands; none of them needs to declare `--debug`.
        prog: name of the command, as the user types it.
        args: arguments without the program's name; `sys.argv[1:]` when None.
    """
    given = list(sys.argv[1:] if args is None else args)
    options = given[: given.index("--")] if "--" in given else given
    debug, as_json = "--debug" in options, "--json" in options
    rest = [arg for arg in options if arg != "--debug"] + given[len(options) :]
    failure = _call(app, prog, rest)
    if failure.message:
        print(failure.text(as_json=as_json, debug=debug), file=sys.stderr)
    sys.exit(failure.exit_code)


class _Outcome(NamedTuple):
    exit_code: int
    message: str = ""
    kind: str = ""
    cause: BaseException | None = None

    def text(self, *, as_json: bool, debug: bool) -> str:
        trace = "".join(traceback.format_exception(self.cause)) if debug and self.cause else ""
        if not as_json:
            return self.message if self.kind == "Help" else f"{trace}error: {self.message}"
        error = {"error": self.message, "kind": self.kind, "exit_code": self.exit_code}
        return json.dumps(error | ({"traceback": trace} if trace else {}), ensure_ascii=False)


def _call(app: typer.Typer, prog: str, args: list[str]) -> _Outcome:
    import typer

    click_exception = _click_exception(typer.BadParameter)
    try:
        _invoke(app, prog, args)
        sys.stdout.flush()
        return _Outcome(0)
    except typer.Exit as error:
        return _Outcome(error.exit_code)
    except (KeyboardInterrupt, typer.Abort, EOFError) as error:
        return _Outcome(INTERRUPTED, "interrupted", "Interrupted", error)
    except PrismError as error:
        return _Outcome(error.exit_code, one_line(error), type(error).__name__, error)
    except click_exception as error:
        return _usage_outcome(error)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            return _Outcome(1)
        hint = "(run again with --debug for the traceback)"
        message = f"unexpected {type(error).__name__}: {one_line(error)} {hint}"
        return _Outcome(1, message, type(error).__name__, error)


def _invoke(app: typer.Typer, prog: str, args: list[str]) -> None:
    """Parse and call, without the error boxes and exits that `app()` would add."""
    from typer.main import get_command

    command = get_command(app)
    if f"_{prog}_COMPLETE".replace("-", "_").upper() in os.environ:
        command.main(args, prog_name=prog)
    command.epilog = command.epilog or "--debug, anywhere: show the traceback of an error."
    with command.make_context(prog, args) as context:
        command.invoke(context)


def _click_exception(bad_parameter: type[Exception]) -> type[Exception]:
    """Base of all usage errors; typer may carry its own copy of click, so none is imported."""
    return next(base for base in bad_parameter.__mro__ if base.__name__ == "ClickException")


def _usage_outcome(error: Any) -> _Outcome:
    """`error` is a click exception, of typer's own copy of click or of the package."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return _Outcome(error.exit_code, error.format_message(), "Help")
    context = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context else ""
    return _Outcome(error.exit_code, one_line(error.format_message()) + hint, "UsageError", error)


def _stdout_is_closed() -> bool:
    """True when the reader of stdout has gone; what is still buffered then goes nowhere."""
    try:
        watch = select.poll()
        watch.register(sys.stdout, select.POLLOUT)
        closed = any(event & select.POLLERR for _, event in watch.poll(0))
    except (AttributeError, OSError):
        return False
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return closed


class Progress:
    """A bar that moves on a terminal and is silent everywhere else."""

    def __init__(self, bar: RichProgress | None, task: TaskID | None) -> None:
        self._bar = bar
        self._task = task

    def advance(self, n: int = 1) -> None:
        """`n` more units are done."""
        self._update(advance=n)

    def describe(self, text: str) -> None:
        """Say what is being done now."""
        self._update(description=text)

    def report(self, stage: str, done: int, total: int) -> None:
        """A `Report`: pass this bound method where a function takes a progress callback."""
        self._update(description=stage, completed=done, total=total)

    def _update(self, **changes: Any) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, **changes)


@contextmanager
def progress(description: str, total: int | None, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress bar on stderr while the block runs, when stderr is a terminal.

    Args:
        description: what is being done.
        total: units in all; None when not known yet.
        quiet: True shows nothing even on a terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield Progress(None, None)
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
        yield Progress(bar, bar.add_task(description, total=total))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Print rows to stdout: aligned on a terminal, tab-separated and never cut elsewhere."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(str(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*columns, title=title or None)
    for row in rows:
        shown.add_row(*(Text(str(cell)) for cell in row))
    Console().print(shown)


class Show:
    """Lines on stderr: on a terminal a few that are drawn again and again, elsewhere one after the
    other.

    Args:
        quiet: shows nothing at all.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Live | None = None

    @property
    def is_live(self) -> bool:
        """Whether `update` is seen."""
        return self._live is not None

    def __enter__(self) -> Show:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, lines: Sequence[str]) -> None:
        """Draws these lines in place of those before."""
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text("\n".join(lines)))

    def say(self, text: str) -> None:
        """Prints a line, where lines are not drawn again and again."""
        if self._live is None and not self._quiet:
            print(text, file=sys.stderr, flush=True)
