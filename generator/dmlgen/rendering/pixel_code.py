"""Digest of the code that can change a pixel: if it changes, no render is resumed."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import dmldata
import dmlgen

_ROOT = Path(dmlgen.__file__).parent.parent
_ROOTS = {"dmlgen": _ROOT, "dmldata": Path(dmldata.__file__).parent.parent}
"""The folders of the packages that make pixels."""
_SCENE = "dmlgen/scene"
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def pixel_code_digest() -> str:
    """Return 12 hex digits that depend on the code of the modules of `pixel_modules`.

    Comments, docstrings, commands, publishing, the gallery and the import of cars do not count:
    an unfinished render can be resumed after a change of those.
    """
    digest = hashlib.sha256()
    for file in pixel_modules():
        digest.update(_name(file).encode())
        digest.update(_code_of(file.read_text("utf-8")).encode())
    return digest.hexdigest()[:12]


def pixel_modules() -> list[Path]:
    """Return the files of `dmlgen.scene` and of all that it imports of the project, sorted."""
    modules: set[Path] = set()
    todo = [*(_ROOT / _SCENE).rglob("*.py")]
    while todo:
        file = todo.pop()
        if file not in modules:
            modules.add(file)
            todo += _imported_by(file)
    return sorted(modules, key=_name)


def _name(file: Path) -> str:
    """Return the file of a module within its package's folder, wherever that is."""
    root = next(root for root in _ROOTS.values() if file.is_relative_to(root))
    return file.relative_to(root).as_posix()


def _imported_by(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if rest and package in _ROOTS:
                module = _ROOTS[package] / name.replace(".", "/")
                candidates = (module.with_suffix(".py"), module / "__init__.py")
                yield from (path for path in candidates if path.is_file())


def _code_of(source: str) -> str:
    """Return source text without comments, docstrings and blank lines.

    The result is the same in every version of Python.

    >>> _code_of("x = 1  # one") == _code_of('"Docs."\\nx = 1') != _code_of("x = 2")
    True
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            lines[docstring.lineno - 1 : docstring.end_lineno] = [""] * _height(docstring)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
