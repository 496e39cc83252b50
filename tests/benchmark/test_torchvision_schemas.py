"""torchvision and timm import, whether or not torchvision's own library loads."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("first", ["", "try:\n import torchvision\nexcept RuntimeError: pass\n"])
def test_torchvision_imports_in_a_fresh_process(first):
    code = first + (
        "from dmlbench.models.torchvision_schemas import ensure_torchvision_imports as ensure\n"
        "needed = ensure()\n"
        "import torchvision.transforms\n"
        "from torchvision.extension import _has_ops\n"
        "assert needed != _has_ops() and ensure() == needed, (needed, _has_ops())\n"
    )
    if first:
        code = code.replace("needed != _has_ops() and ", "")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_of_the_user_may_import_torchvision_wherever_a_command_may(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import timm\nimport torchvision\n\n\n"
        "def load():\n    return timm.create_model('resnet10t', num_classes=8)\n"
    )
    code = "from dmlbench import load_model\nprint(load_model('python:mine:load').dimensions)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "8\n", done.stderr
