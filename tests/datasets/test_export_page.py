"""The command `dmlgen export`, and the examples on the page about datasets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dmldata.common.commandline import run_app
from dmldata.export import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
SECTION = PAGE.partition("## Use it in other tools\n")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"^    dmlgen (export .*)$", SECTION, re.MULTILINE)
EXAMPLES = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)


def run(words: str) -> int:
    from dmlgen.cli.main import app

    with pytest.raises(SystemExit) as stopped:
        run_app(app, "dmlgen", shlex.split(words))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the page's commands have run."""
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in COMMANDS:
            assert run(words) == 0
        yield folder


def test_the_page_shows_a_command_for_every_format() -> None:
    assert {shlex.split(words)[3] for words in COMMANDS} == set(FORMATS)
    assert all(f"| `{name}` |" in SECTION for name in FORMATS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_page_runs(
    example: str, exports: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = re.findall(r"^(?:import|from) (\w+)", example, re.MULTILINE)[0]
    if library == "fiftyone":
        pytest.skip("needs a MongoDB server; test_export_readers has its reader")
    schemas: Any = pytest.importorskip("dmlbench.models.torchvision_schemas")
    schemas.ensure_torchvision_imports()
    module = pytest.importorskip(library)
    if library == "datasets":
        monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path)
    exec(example, {})


def test_the_command_says_how_many_images_there_are_and_how_many_were_left_out(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = f"export {tiny} --to imagefolder --label background_hue --out {out}"
    assert run(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "6 images left out: 'background_hue' does not apply to them",
        f"{out}: 4 images",
    ]


def test_errors_of_the_command_name_its_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"export sample --to coco --label car_model --out {tmp_path / 'out'}") == 2
    assert capsys.readouterr().err == (
        "error: --label car_model: format 'coco' has no classes; valid with: imagefolder\n"
    )
