"""Run the command line of an app: exit codes, one-line errors, options that are paths."""

from __future__ import annotations

import json
import os
import select
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from dmldata.common.errors import FieldError, InputError, PrismError, one_line
from dmldata.common.extras import as_missing_package
from dmldata.common.output import say

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130


def run_app(app: typer.Typer, prog: str, args: Sequence[str] | None = None) -> NoReturn:
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
    outcome = _call(app, prog, rest)
    if outcome.message:
        say(outcome.text(as_json=as_json, debug=debug), error=True)
    sys.exit(outcome.exit_code)


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
        try:
            command.invoke(context)
        except FieldError as error:
            raise error.renamed(_options_of(command, args)) from error


def _options_of(command: Any, args: list[str]) -> dict[str, str]:
    """Return the options of the command that the arguments call, by the names of parameters."""
    for word in args:
        command = getattr(command, "commands", {}).get(word, command)
    return {
        parameter.name: option
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }


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

    Options whose type is `Path` do not need it: `run_app` lets `user_path` read them.
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
