"""Evaluation on a real Ray cluster of two nodes: the same numbers; a lost node costs a block."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dmlbench.evaluation.executor import LocalExecutor
from dmlbench.evaluation.ray_workers import Origin, RayExecutor
from dmlbench.evaluation.tasks import EmbedTask
from dmlbench.evaluation.workbench import Workbench
from dmlbench.models import ModelOptions, load_model
from dmlbench.results.files import Settings
from dmlbench.results.folder import ResultFolder
from dmldata import open_dataset
from dmldata.common.errors import InputError, PrismError

QUICK = ["--maps", 5, "--samples", 3, "--batch-size", 4, "--no-chance"]


@pytest.fixture
def origin(models, shapes):
    loaded, dataset = load_model(str(models["small"])), open_dataset(str(shapes))
    return Origin(
        str(models["small"]),
        ModelOptions(),
        str(shapes),
        {},
        loaded.id,
        dataset.fingerprint,
    )


@pytest.fixture
def blocks(shapes):
    keys = open_dataset(str(shapes)).samples["key"].to_pylist()
    return [keys[start : start + 4] for start in range(0, len(keys), 4)]


def embedded(executor, blocks, progress=lambda images: None):
    found = {}
    for block in executor.run(EmbedTask(4, "cpu"), blocks, progress):
        found |= dict(zip(block["keys"].tolist(), block["embeddings"], strict=True))
    return found


def test_the_command_gives_the_same_files_on_a_cluster(cluster, dmlbench, models, shapes, tmp_path):
    for folder, where in (
        ("local", ("--threads", 1)),
        ("ray", ("--executor", "ray", "--address", cluster.address)),
    ):
        answer = dmlbench(
            *("evaluate", models["small"], "--data", shapes, "--out", tmp_path / folder, *QUICK),
            *where,
        )
        assert answer.exit_code == 0, answer.err
    files = [
        {path.name: path for path in (tmp_path / folder).rglob("*") if path.is_file()}
        for folder in ("local", "ray")
    ]
    assert files[0].keys() == files[1].keys()
    for name in ("embeddings.npy", "properties.json", "maps.npz", "saliency.json"):
        assert files[0][name].read_bytes() == files[1][name].read_bytes(), name


def test_a_machine_without_a_gpu_can_record_what_a_cluster_computes_on_one(tmp_path):
    bench = Workbench(
        loaded=None,
        dataset=None,
        settings=Settings(device="cuda", seed=0, intervals=False, chance=False, maps=0, samples=1),
        folder=ResultFolder(tmp_path),
        subject=None,
        executor=object(),
        say=print,
        quiet=True,
    )
    with bench.step("embeddings"):
        pass
    hardware = bench.made["embeddings"].hardware
    assert hardware["device"] == "cuda"
    assert hardware["accelerator"] is None


def test_a_lost_node_costs_its_block_only(cluster, origin, blocks, shapes):
    node = cluster.add_node(num_cpus=2)
    executor = RayExecutor(origin, cluster.address, None, 1, "cpu")
    done = []

    def progress(images):
        done.append(images)
        if len(done) == 1:
            cluster.remove_node(node, allow_graceful=False)

    try:
        found = embedded(executor, blocks, progress)
    finally:
        executor.close()
    here = embedded(LocalExecutor(load_model(origin.reference), open_dataset(str(shapes))), blocks)
    assert sum(done) == len(here)
    for key, row in here.items():
        np.testing.assert_allclose(found[key], row, atol=1e-5)


def test_a_node_with_another_model_is_refused(cluster, origin, blocks):
    executor = RayExecutor(origin._replace(model="other-1234"), cluster.address, None, 1, "cpu")
    try:
        with pytest.raises(PrismError, match=r"has model small-\w+ .* not other-1234"):
            embedded(executor, blocks)
    finally:
        executor.close()


class Deadly:
    """A task that ends its worker."""

    makes, passes, with_mask = "nothing", 1, False

    def __call__(self, loaded, items, keys, progress):
        import os

        os._exit(1)


def test_a_block_that_ends_two_workers_is_named(cluster, origin, blocks):
    executor = RayExecutor(origin, cluster.address, None, 1, "cpu")
    try:
        with pytest.raises(PrismError, match=r"'img0000' to 'img\d+': 2 workers were lost"):
            list(executor.run(Deadly(), blocks[:1], lambda images: None))
    finally:
        executor.close()


def test_without_a_cluster_at_the_address_the_message_names_it(origin):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=r"--address 127\.0\.0\.1:1"):
        RayExecutor(origin, "127.0.0.1:1", None, 1, "cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "rai"), "executor 'rai'"),
        (("--address", "auto"), "--address auto: only with the executor ray"),
        (("--workers", 2), "--workers 2: only with the executor ray"),
    ],
)
def test_options_that_do_not_go_together_are_refused(dmlbench, models, shapes, options, message):
    answer = dmlbench("evaluate", models["small"], "--data", shapes, *options, "--json")
    assert answer.exit_code == 2
    assert message in json.loads(answer.err)["error"]
