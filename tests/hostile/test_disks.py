"""A disk that is full, or a folder that cannot be written into: the file is named, nothing is left.

A limit on the size of files stands for the disk: the system refuses the write in the same place.
"""

from __future__ import annotations

import pytest


def words(command, files, out):
    """A command that writes under `out`, and the file that it has no room for."""
    arrays, tables = files / "arrays", files / "tables"
    (result,) = files.glob("results/*/*")
    score = ("score", "--embeddings", arrays / "a.npy", "--labels", tables / "a.csv", "--out")
    train = ("train", "--loss", "triplet", "--images-per-class", 2, "--data", files / "classes")
    return {
        "evaluate": (
            ("evaluate", files / "measuring" / "model.pt", "--data", files / "measured"),
            ("--maps", 0, "--out", out),
            ".npz",
        ),
        "score": (score, (out / "a.json",), "a.json"),
        "report": (("report", files / "results", "--out"), (out / "r.html",), "r.html"),
        "submit": (
            ("submit", result, "--trunk", "x", "--trained-on", "y", "--board"),
            (out,),
            f"{result.parent.name}.json",
        ),
        "leaderboard": (("leaderboard", files / "board", "--out"), (out / "l.html",), "l.html"),
        "export": (
            ("export", files / "measuring" / "model.pt", "--to", "torchscript", "--out"),
            (out / "e.pt",),
            "model.pt",
        ),
        "train": (
            (*train, "--folds", 2, "--epochs", 1, "--steps", 1, "--batch", 4, "--size", 32),
            ("--trunk", "timm:test_efficientnet?pretrained=false", "--workers", 0, "--out", out),
            "triplet-fold0",
        ),
    }[command]


COMMANDS = ("evaluate", "score", "report", "submit", "leaderboard", "export", "train")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_named_with_the_file(run, files, tmp_path, command):
    out = tmp_path / "out"
    first, second, name = words(command, files, out)
    done = run(2500, "dmlbench", *first, *second)
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert name in last
    assert "File too large" in last
    assert "unexpected" not in last
    left = [path for path in out.rglob("*") if path.is_file() and path.suffix == ".part"]
    assert left == []


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ("export", "train")])
def test_a_folder_that_cannot_be_written_into_is_named(dmlbench, files, tmp_path, command):
    (tmp_path / "file").write_text("")
    first, second, _ = words(command, files, tmp_path / "file" / "out")
    answer = dmlbench(*first, *second)
    assert answer.exit_code in (1, 2), answer.err
    assert str(tmp_path / "file") in answer.err.splitlines()[-1]
    assert "unexpected" not in answer.err
