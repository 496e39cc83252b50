"""A wheel built from the checkout works outside it."""

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from dmldata import open_dataset

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of an environment that holds the wheel, and of the rest only dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([sys.executable, *build, str(CHECKOUT)], check=True, capture_output=True)
    environment = folder / "env"
    venv.create(environment, with_pip=False)
    install = ["-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--no-deps"]
    wheel = next(folder.glob("*.whl"))
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
    # A path file inside a path file is not read, so the checkout itself stays out of reach.
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    return environment / "bin"


def run(program, *args, cwd):
    return subprocess.run(
        [program, *map(str, args)], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


def test_the_wheel_is_what_is_imported(installed, tmp_path):
    show = "import dmlgen, dmldata, dmlbench; print(dmlgen.__file__, dmldata.__file__)"
    for path in run(installed / "python", "-c", show, cwd=tmp_path).split():
        assert Path(path).is_relative_to(installed.parent)


def test_scenes_travel_inside_the_wheel(installed, tmp_path):
    cars = run(installed / "dmlgen", "cars", "list", cwd=tmp_path)
    assert "fordFocus" in cars
    assert "VW-new-beetle" in cars


def test_studies_and_hyperparameters_travel_inside_the_wheel(installed, tmp_path):
    show = """
from dmlbench.study.recipe import load_study, recipe_names
from dmlbench.training.hyperparameters import read_hyperparameters
print([load_study(name).title for name in recipe_names()])
read_hyperparameters("arcface", "quick")
"""
    titles = run(installed / "python", "-c", show, cwd=tmp_path)
    assert "Three losses, trained for a minute" in titles


def test_the_installed_command_renders(installed, tmp_path):
    options = ("--count", 1, "--size", 32, "--preset", "draft", "--device", "cpu")
    run(installed / "dmlgen", "render", "paper", *options, "--out", "out", cwd=tmp_path)
    assert len(open_dataset(str(tmp_path / "out"))) == 1


def test_both_commands_work_as_typed(installed, tmp_path):
    """The two commands that the project exists for, outside a checkout, without a path."""
    small = ("--scenes", 1, "--variants", 2, "--size", 32, "--preset", "draft", "--device", "cpu")
    said = run(installed / "dmlgen", "render", "--factor", "color", *small, cwd=tmp_path)
    assert said.startswith("folder: color\n")
    assert len(open_dataset(tmp_path / "color")) == 2
    make = """
import torch
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten())
torch.jit.script(network.eval()).save("model.pt")
"""
    run(installed / "python", "-c", make, cwd=tmp_path)
    fast = ("--maps", 2, "--samples", 2, "--no-chance", "--no-intervals", "--input-size", 32)
    said = run(installed / "dmlbench", "evaluate", "model.pt", *fast, cwd=tmp_path)
    assert "2000 images: the set 'paper' that comes with dml-prism" in said
    assert "paint_hue" in said
    (folder,) = (tmp_path / "results").glob("model-*/*")
    assert json.loads((folder / "run.json").read_text())["dataset"]["url"] == "package:paper"
    run(installed / "dmlbench", "report", "--images", 1, cwd=tmp_path)
    assert (tmp_path / "report.html").is_file()


def test_the_wheel_stays_small(installed):
    (wheel,) = installed.parent.parent.glob("*.whl")
    assert wheel.stat().st_size < 100e6


def test_both_commands_show_their_help(installed, tmp_path):
    assert "render" in run(installed / "dmlgen", "--help", cwd=tmp_path)
    assert "evaluate" in run(installed / "dmlbench", "--help", cwd=tmp_path)
