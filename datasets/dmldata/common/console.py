"""What both commands share at the terminal: exit codes, one-line errors, progress, tables."""

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
        say(failure.text(as_json=as_json, debug=debug), error=True)
    sys.exit(failure.exit_code)


def say(text: object, *, error: bool = False) -> None:
    """Print a line for the user: without credentials, and without what would act on a terminal.

    Args:
        error: to stderr in place of stdout.
    """
    print(shown(text), file=sys.stderr if error else sys.stdout, flush=error)


def shown(text: object) -> str:
    """Return text as it may be shown to a user: `printable` and `without_credentials`."""
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
    """Parse and call, without the error boxes and exits that `app()` would add."""
    from typer.main import get_command

    command = get_command(app)
    _read_paths(command)
    if f"_{prog}_COMPLETE".replace("-", "_").upper() in os.environ:
        command.main(args, prog_name=prog)
    command.epilog = command.epilog or "--debug, anywhere: show the traceback of an error."
    with command.make_context(prog, args) as context:
        command.invoke(context)


def _read_paths(command: Any) -> None:
    """Have every option and argument of a command that is a path read by `user_path`."""
    for parameter in command.params:
        if _is_path(parameter):
            parameter.process_value = partial(_processed, parameter, parameter.process_value)
    for subcommand in getattr(command, "commands", {}).values():
        _read_paths(subcommand)


def _is_path(parameter: Any) -> bool:
    """`parameter` is of click, or of what newer releases of Typer have in its place."""
    described = getattr(parameter, "type_descriptor", None)
    if described is not None:
        return described.annotation in (Path, list[Path])
    return parameter.type.name in ("path", "file", "directory")


def _processed(parameter: Any, process: Callable[..., Any], context: Any, value: Any) -> Any:
    return process(context, path_or_url(context, parameter, value))


def path_or_url(context: Any, parameter: Any, value: Any) -> Any:
    """Read an option that is a path or something else, such as a URL: its `callback`, for Typer.

    Paths are read by `user_path` without it.
    """
    if isinstance(value, list | tuple):
        return type(value)(_of_parameter(one, parameter) for one in value)
    return value if value is None else _of_parameter(value, parameter)


def _of_parameter(value: Any, parameter: Any) -> Any:
    options = [name for name in parameter.opts if name.startswith("--")]
    name = options[0] if options else parameter.metavar or parameter.name
    return user_path(value, name) if isinstance(value, str) else value


def user_path(text: str, name: str) -> str:
    """Return a path as a user means it: `~` is the home folder, which a shell leaves as it is in
    `--out=~/data`.

    Args:
        name: of the option, for the message.

    Raises:
        InputError: it is empty, as that of a variable that is not set.
    """
    if not text.strip():
        raise InputError(f"{name}: is empty; valid: a path, such as ./{name.strip('-').lower()}")
    return os.path.expanduser(text)  # noqa: PTH111 - a URL is no Path


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


LINE_SECONDS = 15.0
"""Between two lines of progress, where there is no terminal to draw a bar on."""


def command(*words: object) -> str:
    """Return a command as one can paste it into a shell, whatever its words hold.

    >>> command("dmlgen", "merge", "my data")
    "dmlgen merge 'my data'"
    """
    return shlex.join(str(word) for word in words)


class Progress:
    """A bar that moves on a terminal; elsewhere a line now and then, of what takes long."""

    def __init__(self, show: Callable[..., None]) -> None:
        self._show = show

    def advance(self, n: int = 1) -> None:
        """`n` more units are done."""
        self._show(advance=n)

    def describe(self, text: str) -> None:
        """Say what is being done now."""
        self._show(description=shown(text))

    def report(self, stage: str, done: int, total: int) -> None:
        """A `Report`: pass this bound method where a function takes a progress callback."""
        self._show(description=shown(stage), completed=done, total=total)


class _Lines:
    """`maps: 3 of 8, 2 minutes left` on stderr, the first after LINE_SECONDS."""

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
    """Progress on stderr while the block runs: a bar on a terminal, lines elsewhere.

    Args:
        description: what is being done.
        total: units in all; None when not known yet.
        quiet: True shows nothing.
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
    """For people.

    >>> duration(90), duration(7300)
    ('90 seconds', '2 hours')
    """
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


LONGEST = 40
"""Letters from which on a cell of a table is broken into lines."""


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Print rows to stdout: aligned on a terminal, tab-separated elsewhere, the title above.

    No name and no number is cut: where the terminal is too narrow, the columns that do not fit
    stand below in a table of their own, the first column beside them.
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
        min(max(map(len, column), default=0), LONGEST) for column in zip(*cells, strict=True)
    ] or [0] * len(columns)
    # A name of several words may be broken into lines.
    least = [
        max([cell, *map(len, name.split())]) for name, cell in zip(columns, longest, strict=True)
    ]
    for place, chosen in enumerate(_parts(least, console.width)):
        drawn = Table(title=shown(title) if title and place == 0 else None)
        fits = sum(3 + max(len(columns[i]), longest[i]) for i in chosen) < console.width
        for i in chosen:
            drawn.add_column(columns[i], width=None if fits else min(least[i], console.width - 4))
        for row in cells:
            drawn.add_row(*(Text(row[i]) for i in chosen))
        console.print(drawn)


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Columns of tables that are no wider than `width`; the first column is in all of them.

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

            self._live.update(Text(shown("\n".join(lines))))

    def say(self, text: str) -> None:
        """Prints a line, where lines are not drawn again and again."""
        if self._live is None and not self._quiet:
            say(text, error=True)
