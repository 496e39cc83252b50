"""torchvision and timm import, whether or not torchvision's own library loads."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("first", ["", "try:\n import torchvision\nexcept RuntimeError: pass\n"])
def test_torchvision_imports_in_a_fresh_process(first):
    code = first + (
        "from dmlbench.torchvision_schemas import ensure_torchvision_imports as ensure\n"
        "needed = ensure()\n"
        "import torchvision.transforms\n"
        "from torchvision.extension import _has_ops\n"
        "assert needed != _has_ops() and ensure() == needed, (needed, _has_ops())\n"
    )
    if first:
        code = code.replace("needed != _has_ops() and ", "")
    subprocess.run([sys.executable, "-c", code], check=True)
