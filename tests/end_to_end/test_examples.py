"""Every example runs as it is, from its first cell to its last."""

import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
# PyTorch and torchvision of this environment need not fit each other.
SETUP = """
import matplotlib
matplotlib.use("agg")
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
ensure_torchvision_imports()
"""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_shows_what_it_made(name, tmp_path, monkeypatch):
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    cells = notebook.cells
    assert not any(cell.get("outputs") for cell in cells), "outputs go stale: clear them"
    notebook.cells = [nbformat.v4.new_code_cell(SETUP), *cells]
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert any("text/html" in output.get("data", {}) for output in outputs)


def test_the_study_runs_on_a_cluster(tmp_path):
    pytest.importorskip("ray")
    script = [sys.executable, EXAMPLES / "study_on_a_cluster.py", "--out", tmp_path / "study"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "study" / "study.html").is_file()


def test_the_page_of_examples_names_each():
    page = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        assert path.suffix not in {".ipynb", ".py"} or f"({path.name})" in page
