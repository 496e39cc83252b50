"""`dmlbench score`: embeddings from any source, labels from a CSV file."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture
def files(tmp_path):
    """One-hot embeddings of `shape`, which is independent of `color`."""
    shape = np.arange(40) % 4
    color = np.arange(40) // 20
    np.save(tmp_path / "E.npy", np.eye(4, dtype=np.float32)[shape])
    rows = [f"{s},{c}" for s, c in zip(shape, color, strict=True)]
    (tmp_path / "L.csv").write_text("\n".join(["shape,color", *rows]) + "\n")
    return ["--embeddings", tmp_path / "E.npy", "--labels", tmp_path / "L.csv"]


def test_one_hot_of_a_property_scores_it_perfectly(dmlbench, files, tmp_path):
    answer = dmlbench("score", *files, "--out", tmp_path / "scores.json")
    assert answer.exit_code == 0
    assert "shape" in answer.out
    assert "NR-Precision" in answer.out
    document = json.loads((tmp_path / "scores.json").read_text())
    scores = document["results"][0]["properties"]
    assert scores["n"] == 40
    assert set(scores["properties"]) == {"shape", "color"}
    assert scores["properties"]["shape"]["arp"]["value"] == pytest.approx(1.0)
    assert scores["properties"]["shape"]["arp"]["ci95"] is not None
    assert scores["properties"]["shape"]["arp"]["chance"] is not None


def test_intervals_and_chance_can_be_left_out(dmlbench, files):
    answer = dmlbench("score", *files, "--no-intervals", "--no-chance", "--json")
    scores = answer.json["results"][0]["properties"]
    assert scores["properties"]["shape"]["arp"] == {
        "value": pytest.approx(1.0),
        "ci95": None,
        "chance": None,
        "replicates": None,
    }


def test_seed_decides_the_groups(dmlbench, files):
    first, again, other = (
        dmlbench("score", *files, "--json", "--seed", seed).json["results"][0]["properties"]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["settings"]["seed"] == 1
    assert other["properties"] != first["properties"]


def test_labels_that_do_not_go_with_the_embeddings_are_refused(dmlbench, files, tmp_path):
    (tmp_path / "L.csv").write_text("shape\n1\n2\n")
    answer = dmlbench("score", *files, "--out", tmp_path / "scores.json")
    assert answer.exit_code == 2
    assert "2 rows for 40 embeddings" in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "scores.json").exists()


def test_output_that_is_a_folder_is_refused(dmlbench, files, tmp_path):
    answer = dmlbench("score", *files, "--out", tmp_path)
    assert answer.exit_code == 2
    assert "is a folder" in answer.err
