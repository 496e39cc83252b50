"""`--version`, `python -m`, and completion: what every command line tool is expected to have."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import dmlbench
import dmldata
import dmlgen

PACKAGES = {"dmlgen": dmlgen, "dmlbench": dmlbench, "dmldata": dmldata}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_knows_its_version_and_is_typed(package: str) -> None:
    module = PACKAGES[package]
    assert module.__version__ == version("dml-prism")
    assert (Path(str(module.__file__)).parent / "py.typed").is_file()


@pytest.mark.parametrize("command", ["dmlgen", "dmlbench"])
def test_version_names_what_pictures_and_results_depend_on(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", command, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"dml-prism {version('dml-prism')} (Python 3.")
    assert f"NumPy {version('numpy')}" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(("command", "begun"), [("dmlgen", "rend"), ("dmlbench", "evalu")])
def test_the_shell_completes_the_name_of_a_command(command: str, begun: str) -> None:
    asked = {
        f"_{command.upper()}_COMPLETE": "complete_bash",
        "COMP_WORDS": f"{command} {begun}",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name(command)],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() in (["render"], ["evaluate"])
