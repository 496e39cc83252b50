"""Code of the user: what `python:module:function` names, and where in it an error was raised."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from dmldata.common.errors import PrismError
from dmldata.common.files import sha256_of

SCHEME = "python:"
_IMPORTED: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()
"""SHA-256 of the file of each module of the user, when it was first asked for."""
_PACKAGE = Path(__file__).resolve().parent
_STANDARD_LIBRARY = Path(os.__file__).resolve().parent
MAX_ERROR_LENGTH = 300
"""Maximum number of characters quoted from another library's error; `--debug` shows all of it."""


def is_python(reference: str) -> bool:
    """Return whether a reference names a function of the user.

    >>> is_python("python:my_models:trained"), is_python("timm:resnet18")
    (True, False)
    """
    return reference.startswith(SCHEME)


def split_python(reference: str, error: type[PrismError]) -> tuple[str, str]:
    """Return the module and the function that a reference names, without importing them.

    Raises:
        error: the reference is not `python:module:function`.

    >>> split_python("python:my_models:trained", PrismError)
    ('my_models', 'trained')
    """
    module, separator, name = reference.removeprefix(SCHEME).partition(":")
    if not (module and separator and name):
        raise error(f"{reference}: expected python:module:function")
    return module, name


def import_function(reference: str, error: type[PrismError]) -> Callable[..., Any]:
    """Import the function that a reference names; its module may be in the working directory.

    Raises:
        error: the module cannot be imported, or has no such function.
    """
    module, name = split_python(reference, error)
    with working_directory_importable():
        try:
            imported = importlib.import_module(module)
        except (Exception, SystemExit) as failure:
            raise error(
                f"{reference}: '{module}' cannot be imported (from {Path.cwd()} or installed "
                f"packages): {error_line(failure)}"
            ) from failure
    file = getattr(imported, "__file__", None)
    if file and Path(file).is_file():
        digest = sha256_of(Path(file))
        if _IMPORTED.setdefault(imported, digest) != digest:
            raise error(
                f"{reference}: {file} has changed since Python imported it; valid: in a new process"
            )
    function: Callable[..., Any] | None = getattr(imported, name, None)
    if not callable(function):
        raise error(f"{reference}: '{module}' has no function '{name}'")
    return function


def call_function(
    reference: str,
    function: Callable[..., Any],
    error: type[PrismError],
    *arguments: object,
    **settings: object,
) -> Any:
    """Call a function of the user; what it imports may be in the working directory.

    Raises:
        error: the function fails; with the place in the user's file.
    """
    with working_directory_importable():
        try:
            return function(*arguments, **settings)
        except PrismError:
            raise
        except (Exception, SystemExit) as failure:
            raise error(f"{reference}: the function fails: {error_line(failure)}") from failure


def keywords_of(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of the arguments of a function, or of a class and its base classes.

    >>> sorted(keywords_of(lambda images, *, seed, **settings: None))
    ['images', 'seed']
    """
    kinds = function.__mro__ if isinstance(function, type) else (function,)
    return frozenset(
        parameter.name
        for kind in kinds
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


def source_sha256(function: Callable[..., Any]) -> str:
    """Return the SHA-256 of the file that defines a function; "" if there is no such file."""
    source = getattr(sys.modules.get(function.__module__), "__file__", None)
    return sha256_of(Path(source)) if source else ""


def source_digest(reference: str) -> str:
    """Return eight digits for the files that an imported `python:module:function` comes from.

    They are the file of the module, and that of the function if it is defined elsewhere, which a
    `functools.partial` calls.
    """
    module, name = split_python(reference, PrismError)
    function = getattr(sys.modules[module], name)
    file = getattr(sys.modules[module], "__file__", None)
    named = sha256_of(Path(file)) if file else ""
    return hashlib.sha256(
        f"{named}\n{source_sha256(getattr(function, 'func', function))}".encode()
    ).hexdigest()[:8]


@contextmanager
def working_directory_importable() -> Iterator[None]:
    """Make modules of the working directory importable inside, and hide the command line."""
    directory = str(Path.cwd())
    importlib.invalidate_caches()
    sys.path.insert(0, directory)
    # A script that parses its command line on import must not see the arguments of dmlbench.
    words = sys.argv
    sys.argv = words[:1]
    try:
        yield
    finally:
        sys.argv = words
        sys.path.remove(directory)


def error_line(error: BaseException | None) -> str:
    """Return an error's type and text (shortened if long) on one line, and where it was raised.

    >>> error_line(RuntimeError("Missing keys:\\n\\tfc.weight"))
    'RuntimeError: Missing keys: fc.weight'
    """
    text = textwrap.shorten(str(error), MAX_ERROR_LENGTH, placeholder=" ...")
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return named + (_last_user_frame(error) if error is not None else "")


def _last_user_frame(error: BaseException) -> str:
    """Return where in the user's own code an error was raised; empty if it was not raised there."""
    frames = traceback.extract_tb(error.__traceback__)
    user_frames = [frame for frame in frames if _is_user_file(frame.filename)]
    if not user_frames:
        return ""
    last = user_frames[-1]
    return f" ({Path(last.filename).name}, line {last.lineno}, in {last.name})"


def _is_user_file(file: str) -> bool:
    path = Path(file)
    return (
        path.is_file()
        and not path.is_relative_to(_PACKAGE)
        and not {"site-packages", "dist-packages"} & set(path.parts)
        and not path.is_relative_to(_STANDARD_LIBRARY)
    )
