"""Optional packages, and the extras of dml-prism that install them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

from dmldata.common.errors import InputError

_DISTRIBUTION = "dml-prism"
_DISTRIBUTION_OF = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "faiss": "faiss-cpu",
    "open_clip": "open_clip_torch",
}
"""Names of distributions that differ from the name of their module."""


class ExtraRequirement(NamedTuple):
    """One package of one extra, as pyproject.toml declares it.

    Attributes:
        distribution: normalized name of the package.
        specifier: accepted versions, such as `>=4.5,<4.6`.
        python: Python version (`3.11`) that the requirement applies to; None for all.
    """

    extra: str
    distribution: str
    specifier: str
    python: str | None


class MissingPackageError(InputError):
    """An optional package is not installed; the message says how to install it.

    >>> print(MissingPackageError("sklearn"))
    sklearn is not installed: pip install 'dml-prism[bench]'
    """

    def __init__(self, module: str) -> None:
        extras = extras_with(module)
        alternatives = f" (or the extra {', '.join(extras[1:])})" if extras[1:] else ""
        target = f"'{_DISTRIBUTION}[{extras[0]}]'" if extras else module
        super().__init__(f"{module} is not installed: pip install {target}{alternatives}")


def extras_with(module: str) -> list[str]:
    """Return the names of the extras that install a top-level module; empty if none does.

    >>> extras_with("torch"), extras_with("json")
    (['bench'], [])
    """
    name = _normalized(_DISTRIBUTION_OF.get(module, module))
    extras = [r.extra for r in extra_requirements() if r.distribution == name]
    return [extra for extra in dict.fromkeys(extras) if extra not in {"dev", "measurements"}]


def import_extra(module: str) -> ModuleType:
    """Import an optional module.

    Raises:
        MissingPackageError: the module, or one that it needs, is not installed and an extra
            installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = as_missing_package(error)
        if missing is None:
            raise
        raise missing from error


def require_extras(*modules: str) -> None:
    """Check that optional modules are installed, without importing them.

    Raises:
        MissingPackageError: a module is not installed; names the first.
    """
    for module in modules:
        try:
            spec = find_spec(module)
        except ModuleNotFoundError:
            spec = None
        if spec is None:
            raise MissingPackageError(module)


def as_missing_package(error: ModuleNotFoundError) -> MissingPackageError | None:
    """Return the error to show for a failed import; None if no extra installs the module."""
    module = (error.name or "").partition(".")[0]
    return MissingPackageError(module) if module and extras_with(module) else None


@cache
def extra_requirements() -> tuple[ExtraRequirement, ...]:
    """Return the requirements of all extras, from the metadata of the installed distribution."""
    try:
        lines = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        lines = []
    return tuple(_parsed(lines))


def _parsed(lines: list[str]) -> Iterator[ExtraRequirement]:
    for line in lines:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", line)
        if name is None or extra is None:
            continue
        python = re.search(r"python_version == ['\"]([^'\"]+)['\"]", line)
        specifier = re.sub(r"^\[[^\]]*\]", "", line[name.end() :].partition(";")[0].strip())
        yield ExtraRequirement(
            extra[1], _normalized(name[0]), specifier, None if python is None else python[1]
        )


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
