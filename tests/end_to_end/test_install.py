"""Installing the package takes nothing back that a researcher's environment has."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from dmldata.common.extras import extras_with

CHECKOUT = Path(__file__).resolve().parents[2]
HAVE = {"numpy": "2.4.6", "pandas": "3.0.6", "pyarrow": "26.0.1", "torch": "2.14.1"}
"""Newer than what Blender 4.5 pins: what an environment of today holds."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment that holds HAVE, as far as pip can tell: their metadata, without the files."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name, version in HAVE.items():
        metadata = packages / f"{name}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        (metadata / "INSTALLER").write_text("pip\n")
        (metadata / "RECORD").write_text("")
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([sys.executable, *build, str(CHECKOUT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def would_install(environment, *what):
    """Name -> version of what pip would install; fails as pip does."""
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--dry-run"]
    report = environment / "report.json"
    done = subprocess.run(
        [*pip, "--report", report, *what], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    installs = json.loads(report.read_text())["install"]
    return {one["metadata"]["name"].lower(): one["metadata"]["version"] for one in installs}


@pytest.fixture(scope="module")
def package_index(environment):
    """Skips where no package index answers."""
    try:
        would_install(environment, "--ignore-installed", "--no-deps", "six")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"NOT TESTED, as no package index can be reached: {str(error)[-200:]}")


@pytest.mark.usefixtures("package_index")
def test_installing_changes_no_version_that_is_there(environment, wheel):
    found = would_install(environment, f"{wheel}[bench,train,onnx,cluster,publish]")
    assert "dml-prism" in found
    assert "timm" in found
    assert found.keys().isdisjoint(HAVE)


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="Blender 5.2 is for Python 3.13")
@pytest.mark.usefixtures("package_index")
def test_rendering_with_python_3_13_changes_no_version_that_is_there(environment, wheel):
    found = would_install(environment, f"{wheel}[render]")
    assert found["bpy"].startswith("5.2.")
    assert found.keys().isdisjoint(HAVE)


def test_the_core_asks_for_no_upper_bound():
    """A cap on a version is a version that somebody's environment loses."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["bench"]]
    assert [line for line in (*asked, project["requires-python"]) if "<" in line] == []


INSIDE_OTHERS = {"bmesh", "cycles", "mathutils", "pydantic_core"}
"""Modules that come inside a declared package: Blender's, and pydantic's own core."""


def test_every_package_that_is_imported_is_declared():
    """What comes with another package today may be gone tomorrow, and no extra would name it."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    declared = {
        normalized(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in project["dependencies"]
    }
    brought_by = packages_distributions()
    undeclared = {
        module
        for folder in ("generator", "datasets/dmldata", "benchmark")
        for file in (CHECKOUT / folder).rglob("*.py")
        for module in imported(file)
        if module not in INSIDE_OTHERS
        and not extras_with(module)
        and not declared & set(map(normalized, brought_by.get(module, [module])))
    }
    assert undeclared == set()


def imported(file):
    """Top-level modules that a file imports, without Python's own and ours."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in (name.partition(".")[0] for name in names):
            if name not in sys.stdlib_module_names | {"dmlgen", "dmldata", "dmlbench"}:
                yield name


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()
