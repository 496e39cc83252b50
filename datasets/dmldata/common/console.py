"""Terminal functions of both commands: exit codes, one-line errors, progress bars, tables."""

from __future__ import annotations

import json
import os
import select
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from dmldata.common.errors import InputError, PrismError, one_line
from dmldata.common.extras import as_missing_package
from dmldata.common.text import printable, without_credentials

if TYPE_CHECKING:
    import typer
    from rich.live import Live

Report = Callable[[str, int, int], None]
"""A progress callback: (stage, done, total), called as often as there is progress."""

INTERRUPTED = 130


def run(app: typer.Typer, prog: str, args: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and end the process with its exit code.

    The exit code is 0 on success, 2 for invalid input, 1 for any other failure, and 130 when
    interrupted. An error is one line on stderr, or one JSON object with `--json`. `--debug`, which
    may be anywhere before `--`, is removed here and adds the traceback.

    Args:
        app: the commands; none of them needs to declare `--debug`.
        prog: name of the command, as the user types it.
        args: arguments without the program's name; `sys.argv[1:]` if None.
    """
    words = list(sys.argv[1:] if args is None else args)
    options = words[: words.index("--")] if "--" in words else words
    debug, as_json = "--debug" in options, "--json" in options
    rest = [arg for arg in options if arg != "--debug"] + words[len(options) :]
    failure = _call(app, prog, rest)
    if failure.message:
        say(failure.text(as_json=as_json, debug=debug), error=True)
    sys.exit(failure.exit_code)


def say(text: object, *, error: bool = False) -> None:
    """Print a line for the user, without credentials and without terminal control characters.

    Args:
        error: print to stderr rather than stdout.
    """
    print(shown(text), file=sys.stderr if error else sys.stdout, flush=error)


def shown(text: object) -> str:
    """Return text that is safe to show to a user: `printable` and `without_credentials`."""
    return printable(without_credentials(str(text)))


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
    except ModuleNotFoundError as error:
        missing = as_missing_package(error)
        if missing is None:
            return _unexpected(error)
        return _Outcome(missing.exit_code, str(missing), type(missing).__name__, error)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            return _Outcome(1)
        if isinstance(error, OSError) and error.strerror:
            place = f"{error.filename}: " if error.filename else ""
            return _Outcome(1, f"{place}{error.strerror}", type(error).__name__, error)
        return _unexpected(error)


def _unexpected(error: Exception) -> _Outcome:
    hint = "(run again with --debug for the traceback)"
    message = f"unexpected {type(error).__name__}: {one_line(error)} {hint}"
    return _Outcome(1, message, type(error).__name__, error)


def _invoke(app: typer.Typer, prog: str, args: list[str]) -> None:
    """Parse the arguments and call the command, without the error boxes and exits of `app()`."""
    from typer.main import get_command

    command = get_command(app)
    _read_paths(command)
    if f"_{prog}_COMPLETE".replace("-", "_").upper() in os.environ:
        command.main(args, prog_name=prog)
    command.epilog = command.epilog or "--debug, anywhere: show the traceback of an error."
    with command.make_context(prog, args) as context:
        command.invoke(context)


def _read_paths(command: Any) -> None:
    """Let `user_path` read every option and argument of a command that is a path."""
    for parameter in command.params:
        if _is_path(parameter):
            parameter.process_value = partial(_processed, parameter, parameter.process_value)
    for subcommand in getattr(command, "commands", {}).values():
        _read_paths(subcommand)


def _is_path(parameter: Any) -> bool:
    """Return whether a parameter, of click or of a newer release of Typer, is a path."""
    described = getattr(parameter, "type_descriptor", None)
    if described is not None:
        return described.annotation in (Path, list[Path])
    return parameter.type.name in ("path", "file", "directory")


def _processed(parameter: Any, process: Callable[..., Any], context: Any, value: Any) -> Any:
    return process(context, path_or_url(context, parameter, value))


def path_or_url(context: Any, parameter: Any, value: Any) -> Any:
    """Read an option that may be a path or a URL; pass this as its `callback` to Typer.

    Options whose type is `Path` do not need it: `run` lets `user_path` read them.
    """
    if isinstance(value, list | tuple):
        return type(value)(_of_parameter(item, parameter) for item in value)
    return value if value is None else _of_parameter(value, parameter)


def _of_parameter(value: Any, parameter: Any) -> Any:
    options = [name for name in parameter.opts if name.startswith("--")]
    name = options[0] if options else parameter.metavar or parameter.name
    return user_path(value, name) if isinstance(value, str) else value


def user_path(text: str, name: str) -> str:
    """Return a path with `~` expanded, which a shell does not do in `--out=~/data`.

    Args:
        name: name of the option, for the error message.

    Raises:
        InputError: the path is empty, for example because a shell variable is not set.
    """
    if not text.strip():
        raise InputError(f"{name}: is empty; valid: a path, such as ./{name.strip('-').lower()}")
    return os.path.expanduser(text)  # noqa: PTH111 - a URL is no Path


def _click_exception(bad_parameter: type[Exception]) -> type[Exception]:
    """Return the base class of all usage errors: typer may have its own copy of click."""
    return next(base for base in bad_parameter.__mro__ if base.__name__ == "ClickException")


def _usage_outcome(error: Any) -> _Outcome:
    """Return the outcome of a click exception, of typer's own copy of click or of the package."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return _Outcome(error.exit_code, error.format_message(), "Help")
    context = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context else ""
    return _Outcome(error.exit_code, one_line(error.format_message()) + hint, "UsageError", error)


def _stdout_is_closed() -> bool:
    """Return whether the reader of stdout has gone, and if so discard what is still buffered."""
    try:
        watch = select.poll()
        watch.register(sys.stdout, select.POLLOUT)
        closed = any(event & select.POLLERR for _, event in watch.poll(0))
    except (AttributeError, OSError):
        return False
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return closed


LINE_SECONDS = 15.0
"""Seconds between two lines of progress, if stderr is not a terminal."""


def command(*words: object) -> str:
    """Return a command line that can be pasted into a shell, with quotes where needed.

    >>> command("dmlgen", "merge", "my data")
    "dmlgen merge 'my data'"
    """
    return shlex.join(str(word) for word in words)


class Progress:
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
        """Show progress as a `Report`: pass this bound method as a progress callback."""
        self._show(description=shown(stage), completed=done, total=total)


class _Lines:
    """Prints lines like `maps: 3 of 8, 2 minutes left` to stderr, the first after LINE_SECONDS."""

    def __init__(self, description: str, total: int | None) -> None:
        self._description, self._total = description, total
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
        if now - self._said >= LINE_SECONDS:
            self._said = now
            say(self._line(now - self._began), error=True)

    def _line(self, seconds: float) -> str:
        if self._total is None:
            return self._description
        line = f"{self._description}: {self._done} of {self._total}"
        if self._done and seconds > 0:
            line += f", {duration(seconds / self._done * (self._total - self._done))} left"
        return line


@contextmanager
def progress(description: str, total: int | None, *, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on stderr while the block runs: a bar on a terminal, lines elsewhere.

    Args:
        description: name of the task.
        total: number of units in all; None if not known yet.
        quiet: show nothing.
    """
    if quiet:
        yield Progress(lambda **_: None)
        return
    if not sys.stderr.isatty():
        yield Progress(_Lines(description, total).update)
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
        yield Progress(partial(bar.update, bar.add_task(description, total=total)))


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(90), duration(7300)
    ('90 seconds', '2 hours')
    """
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


MAX_CELL_WIDTH = 40
"""Maximum width of a column of a table in characters; longer cells are broken into lines."""


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Print a table to stdout: aligned on a terminal, tab-separated elsewhere.

    Nothing is cut off: columns that do not fit the terminal are printed below, in a second table
    that repeats the first column.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        if title:
            say(title)
        for line in (columns, *cells):
            say("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [shown(name) for name in columns]
    cells = [[shown(cell) for cell in row] for row in cells]
    console = Console()
    longest = [
        min(max(map(len, column), default=0), MAX_CELL_WIDTH) for column in zip(*cells, strict=True)
    ] or [0] * len(columns)
    # A column name of several words may be broken into lines.
    min_widths = [
        max([cell, *map(len, name.split())]) for name, cell in zip(columns, longest, strict=True)
    ]
    for place, chosen in enumerate(_parts(min_widths, console.width)):
        drawn = Table(title=shown(title) if title and place == 0 else None)
        fits = sum(3 + max(len(columns[i]), longest[i]) for i in chosen) < console.width
        for i in chosen:
            drawn.add_column(
                columns[i], width=None if fits else min(min_widths[i], console.width - 4)
            )
        for row in cells:
            drawn.add_row(*(Text(row[i]) for i in chosen))
        console.print(drawn)


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Return the columns of each table, so that none is wider than `width`.

    The first column is in all tables.

    >>> _parts([10, 8, 8, 8], 40)
    [[0, 1, 2], [0, 3]]
    """
    parts, room = [[0]], width - 1 - (widths[0] + 3)
    left = room
    for column, needed in enumerate(widths[1:], 1):
        if needed + 3 > left and len(parts[-1]) > 1:
            parts.append([0])
            left = room
        parts[-1].append(column)
        left -= needed + 3
    return parts


class Show:
    """Status lines on stderr: redrawn in place on a terminal, printed one by one elsewhere.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Live | None = None

    @property
    def is_live(self) -> bool:
        """Return whether `update` has an effect: stderr is a terminal and not quiet."""
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
        """Draw these lines in place of the previous ones."""
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text(shown("\n".join(lines))))

    def say(self, text: str) -> None:
        """Print a line, unless lines are redrawn in place."""
        if self._live is None and not self._quiet:
            say(text, error=True)
