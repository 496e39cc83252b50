"""The tutorial, command by command as it is written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks():
    """(language, title, text) of the code blocks of the tutorial."""
    return [match.groups() for match in FENCE.finditer((ROOT / "docs/tutorial.md").read_text())]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which a user has done all of it; what each command printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    printed = {}
    for language, title, text in blocks():
        if title:
            (folder / title).write_text(text)
        if language != "bash":
            continue
        for line in text.splitlines():
            run = subprocess.run(
                line, shell=True, cwd=folder, env=environment, capture_output=True, text=True
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
            printed[line] = run.stdout
    return folder, printed


def said(printed, start):
    return next(text for line, text in printed.items() if line.startswith(start))


def test_every_command_does_what_the_page_says(done):
    folder, printed = done
    for made in ("paper.gallery/index.html", "report.html", "public/paper/dataset.json"):
        assert (folder / made).is_file()
    assert "all right" in said(printed, "dmlgen verify")
    assert "paint_hue" in said(printed, "dmlbench compare")
    assert said(printed, "python load.py").startswith("(96, 96) ")
    assert said(printed, "dmlgen publish").rstrip().endswith("all checksums right")


def test_the_report_has_both_models(done):
    page = (done[0] / "report.html").read_text()
    assert "mine" in page
    assert "ImageNet" in page
