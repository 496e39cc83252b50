"""Both commands as a user calls them, and small files of every kind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import hostile_targets as targets
import pytest


@pytest.fixture(scope="session")
def run():
    """Call a command in a process of its own: `run(limit, "dmlbench", ...)`.

    `limit` is the size that a file can have, as on a disk that is nearly full; None for any.
    """

    def call(limit: int | None, command: str, *words: object) -> subprocess.CompletedProcess[str]:
        code = (
            "import resource, sys\n"
            f"limit = {limit}\n"
            "if limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
            f"from {command}.cli.main import main\n"
            "main()\n"
        )
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True
        )

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
