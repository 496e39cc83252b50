"""A pipe that nobody writes into, where a file has to be: refused, not waited for."""

from __future__ import annotations

import os

import pytest

from dmlbench.comparison.groups import read_groups
from dmlbench.leaderboard import read_board
from dmlbench.results import find_results
from dmlbench.sources import open_source
from dmlbench.sources.embedding_file import read_embeddings
from dmlbench.sources.label_table import read_label_table
from dmlbench.sources.property_file import read_property_file
from dmldata.common.errors import InputError
from dmldata.dataset import open_dataset
from dmldata.verify import verify

PIPE = "is a pipe or device, not a file"


def read_all(folder):
    for _ in open_dataset(folder).samples_iter():
        pass


def make_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["samples.parquet", "test-000000.tar", "README.md"])
def test_a_pipe_in_a_dataset_is_refused_and_found(own, name):
    folder = own("shapes")
    make_pipe(folder / name)
    if name != "README.md":
        with pytest.raises(InputError, match=rf"{name}: {PIPE}"):
            read_all(folder)
    assert f"{name}: {PIPE}" in [f"{one.file}: {one.what}" for one in verify(folder)]


def test_a_pipe_in_place_of_a_manifest_is_refused(own):
    folder = own("shapes")
    make_pipe(folder / "dataset.json")
    for read in (open_dataset, verify):
        with pytest.raises(InputError, match=rf"dataset\.json: {PIPE}"):
            read(folder)


def test_a_pipe_among_shards_or_images_is_refused(own):
    shards, pictures = own("web"), own("pictures")
    make_pipe(shards / "0.tar")
    make_pipe(pictures / "0.jpg")
    with pytest.raises(InputError, match=PIPE):
        open_source(str(shards))
    with pytest.raises(InputError, match="not a regular file"):
        open_source(str(pictures))


def test_a_pipe_among_results_is_refused(own):
    results, board = own("results"), own("board")
    make_pipe(next(results.glob("*/*/properties.json")))
    os.mkfifo(next(board.iterdir()) / "other.json")
    with pytest.raises(InputError, match=r"properties\.json: missing"):
        find_results([results])
    with pytest.raises(InputError, match=PIPE):
        read_board(board)


@pytest.mark.parametrize(
    "read",
    [read_embeddings, read_label_table, read_property_file, lambda path: read_groups(path, [])],
)
def test_a_pipe_in_place_of_a_file_is_refused(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InputError, match=PIPE):
        read(tmp_path / "pipe.yaml")
