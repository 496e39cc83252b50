"""What a notebook shows while something is made, in the kernel that notebooks run in."""

from __future__ import annotations

import nbclient
import nbformat

CODE = """
from dmldata.common.progress import Show, progress_bar

with progress_bar("maps", 3) as bar:
    for _ in range(3):
        bar.advance()
with progress_bar("embed", 3, quiet=True) as bar:
    bar.advance()
with Show() as show:
    for done in range(3):
        show.update([f"render: {done} of 2 images", "worker 0"])
"""


def test_progress_is_one_line_that_is_redrawn() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    texts = [output["data"]["text/plain"] for output in notebook.cells[0].outputs]
    assert texts == ["maps: 3 of 3, 0 seconds left", "render: 2 of 2 images\nworker 0"]
