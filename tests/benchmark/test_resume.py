"""An evaluation that is interrupted goes on after its last finished block, and mixes nothing in."""

from __future__ import annotations

import glob
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dmlbench.results.blocks import Blocks, unfinished
from dmlbench.results.files import Subject

STOPPING = """
import torch
from dmlbench.models import Preprocessing

class Stopping(torch.nn.Module):
    left = None  # passes until the call is interrupted; None is never

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Softplus())

    def forward(self, images):
        if Stopping.left is not None:
            Stopping.left -= 1
            if Stopping.left < 0:
                raise KeyboardInterrupt
        return self.layers(images).mean((2, 3))

def model():
    return Stopping(), Preprocessing(input_size=12)
"""
SUBJECT = Subject(model="m", weights_sha256=None, dataset="d")


@pytest.fixture
def stopping(tmp_path, monkeypatch):
    """The class whose `left` counts down; the model is `python:stopping:model`."""
    (tmp_path / "stopping.py").write_text(STOPPING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stopping", raising=False)
    import stopping

    return stopping.Stopping


@pytest.fixture
def evaluate(dmlbench, shapes, tmp_path):
    def call(out, *options):
        given = ["--data", shapes, "--out", tmp_path / out, "--maps", 20, "--samples", 2]
        return dmlbench("evaluate", "python:stopping:model", *given, "--no-chance", *options)

    return call


def results_in(out):
    """What decides a result: every file but run.json, which holds times."""
    (folder,) = out.glob("*/*")
    files = {path.name: path for path in folder.iterdir() if path.name != "run.json"}
    return {name: path.read_bytes() for name, path in files.items()}


def blocks_in(out, part):
    # Unlike that of pathlib, this glob passes over a folder that vanishes while it looks.
    return sorted(map(Path, glob.glob(f"{out}/*/*/unfinished/{part}-*/*.npz")))  # noqa: PTH207


def test_killed_evaluation_resumes_to_identical_results(dmlbench, shapes, models, tmp_path):
    def arguments(out):
        options = ["--maps", 20, "--samples", 600, "--no-chance", "--no-intervals", "--device=cpu"]
        return ["evaluate", models["small"], "--data", shapes, "--out", tmp_path / out, *options]

    command = "import torch; torch.set_num_threads(1); from dmlbench.cli.main import main; main()"
    killed = subprocess.Popen(
        [sys.executable, "-c", command, *map(str, arguments("killed"))], stdout=subprocess.DEVNULL
    )
    while not blocks_in(tmp_path / "killed", "saliency") and killed.poll() is None:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    kept = [path.name for path in blocks_in(tmp_path / "killed", "saliency")]
    assert 1 <= len(kept) < 3
    assert not list((tmp_path / "killed").rglob("run.json"))
    assert not list((tmp_path / "killed").rglob("maps.npz"))
    resumed = dmlbench(*arguments("killed"))
    assert resumed.exit_code == 0, resumed.err
    assert f"maps: {8 * len(kept)} images reused from an interrupted call" in resumed.out
    assert dmlbench(*arguments("whole")).exit_code == 0
    assert results_in(tmp_path / "killed") == results_in(tmp_path / "whole")
    assert not list((tmp_path / "killed").rglob("unfinished"))


@pytest.fixture
def load(stopping):
    """Passes of the model that loading it takes."""
    from dmlbench.models import load_model

    stopping.left = 1000
    load_model("python:stopping:model")
    passes = 1000 - stopping.left
    stopping.left = None
    return passes


@pytest.mark.parametrize(("passes", "finished"), [(4, 0), (7, 1), (10, 2)])
def test_interrupted_evaluation_makes_only_what_is_missing(
    evaluate, stopping, load, tmp_path, passes, finished
):
    evaluate("whole", "--batch-size", 8)
    stopping.left = load + passes
    assert evaluate("cut", "--batch-size", 8).exit_code != 0
    assert len(blocks_in(tmp_path / "cut", "saliency")) == finished
    stopping.left = 10_000
    assert evaluate("cut", "--batch-size", 8).exit_code == 0
    after = 10_000 - stopping.left
    stopping.left = None
    assert results_in(tmp_path / "cut") == results_in(tmp_path / "whole")
    stopping.left = 10_000
    evaluate("fresh", "--batch-size", 8)
    assert after < 10_000 - stopping.left


def test_embeddings_resume_at_the_last_finished_block(
    evaluate, stopping, load, tmp_path, monkeypatch
):
    from dmlbench.evaluation import properties_step

    monkeypatch.setattr(properties_step, "BLOCK", 8)
    evaluate("whole", "--maps", 0, "--batch-size", 4)
    # After loading, two passes for each block of eight.
    stopping.left = load + 5
    assert evaluate("cut", "--maps", 0, "--batch-size", 4).exit_code != 0
    assert len(blocks_in(tmp_path / "cut", "embeddings")) == 2
    stopping.left = load + 2
    assert evaluate("cut", "--maps", 0, "--batch-size", 4).exit_code == 0
    assert results_in(tmp_path / "cut") == results_in(tmp_path / "whole")


def test_other_setting_takes_nothing_from_an_interrupted_call(evaluate, stopping, load, tmp_path):
    stopping.left = load + 7
    evaluate("cut", "--batch-size", 8)
    assert blocks_in(tmp_path / "cut", "saliency")
    stopping.left = None
    answer = evaluate("cut", "--batch-size", 8, "--samples", 3)
    assert "interrupted" not in answer.out
    evaluate("fresh", "--batch-size", 8, "--samples", 3)
    assert results_in(tmp_path / "cut") == results_in(tmp_path / "fresh")


def test_blocks_of_another_model_dataset_or_setting_are_not_seen(tmp_path):
    block = {"keys": np.array(["a", "b"]), "values": np.arange(2.0)}
    Blocks(tmp_path, "saliency", SUBJECT).write(block)
    (found,) = Blocks(tmp_path, "saliency", SUBJECT).read()
    assert found["keys"].tolist() == ["a", "b"]
    others = [
        Blocks(tmp_path, "embeddings", SUBJECT),
        Blocks(tmp_path, "saliency", SUBJECT, SUBJECT),
        *(
            Blocks(tmp_path, "saliency", SUBJECT.model_copy(update=change))
            for change in ({"model": "n"}, {"weights_sha256": "0" * 64}, {"dataset": "e"})
        ),
    ]
    assert [other.read() for other in others] == [[]] * 5


def test_damaged_block_is_made_again(tmp_path):
    blocks = Blocks(tmp_path, "saliency", SUBJECT)
    blocks.write({"keys": np.array(["a"]), "values": np.ones(1000)})
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:-50])
    assert blocks.read() == []
    assert not file.exists()


def test_block_with_a_pickle_is_not_opened(tmp_path):
    blocks = Blocks(tmp_path, "saliency", SUBJECT)
    blocks.write({"keys": np.array(["a"], object)})
    assert blocks.read() == []


def test_finished_part_leaves_the_blocks_of_the_other(tmp_path):
    saliency, embeddings = (Blocks(tmp_path, part, SUBJECT) for part in ("saliency", "embeddings"))
    for blocks in (saliency, embeddings):
        blocks.write({"keys": np.array(["a"])})
    saliency.remove()
    assert [len(blocks.read()) for blocks in (saliency, embeddings)] == [0, 1]
    embeddings.remove()
    assert list(tmp_path.iterdir()) == []


def test_blocks_are_cut_alike_whatever_is_finished():
    keys = [f"k{number}" for number in range(7)]
    whole = list(unfinished(keys, 3, []))
    assert [len(block) for block in whole] == [3, 3, 1]
    for done in whole:
        left = list(unfinished(keys, 3, [{"keys": np.array(done)}]))
        assert left == [block for block in whole if block != done]
