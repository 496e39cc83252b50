"""Both commands as a user calls them, and small files of every kind."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import hostile_targets as targets
import pytest

from dmldata.common import console


class Answer(NamedTuple):
    exit_code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def dmlbench():
    """Call `dmlbench` in this process."""
    from dmlbench.cli.main import app

    def call(*words: object) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as stopped,
        ):
            console.run(app, "dmlbench", [str(word) for word in words])
        return Answer(int(stopped.value.code or 0), out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def run():
    """Call a command in a process of its own: `run(limit, "dmlbench", ...)`.

    `limit` is the size that a file can have, as on a disk that is nearly full; None for any.
    """

    def call(limit: int | None, command: str, *words: object) -> Answer:
        code = (
            "import resource, sys\n"
            f"limit = {limit}\n"
            "if limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
            f"from {command}.cli.main import main\n"
            "main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with a valid one of each kind, under the names of `targets`. Not to be changed."""
    root = tmp_path_factory.mktemp("files")
    made = {
        "shapes": targets.write_shapes,
        "web": targets.write_web_dataset,
        "pictures": targets.write_pictures,
        "arrays": targets.write_arrays,
        "tables": targets.write_table,
        "models": targets.write_torchscript,
        "results": targets.write_results,
        "board": targets.write_board,
        "classes": targets.write_classes,
    }
    for name, write in made.items():
        if not (root / name).exists():
            (root / name).mkdir()
            write(root / name)
    return root


@pytest.fixture
def own(files, tmp_path):
    """Copy some of `files` to change them: `own("shapes")`."""

    def copied(name: str) -> Path:
        return shutil.copytree(files / name, tmp_path / name)

    return copied
