"""The pool of workers on a real Ray cluster of two nodes."""

import os
from pathlib import Path

import pytest

from dmldata.common.cluster import LostWorkerError, Pool
from dmldata.common.errors import UnknownNameError


class Worker:
    """Counts its work; ends its process or raises when told to."""

    def __init__(self):
        self.count = 0

    def __call__(self, work):
        self.count += 1
        if work == "die":
            os._exit(1)
        if work == "raise":
            raise UnknownNameError("color", work, ["red"])
        return work, self.count, str(Path.cwd())


@pytest.fixture
def pool(cluster):
    opened = Pool(Worker(), cluster.address, workers=1, threads=1)
    yield opened
    opened.close()


def test_a_worker_keeps_what_it_has_and_works_in_the_folder_of_the_command(pool):
    answers = dict(pool.each(["a", "b", "c"]))
    assert [answers[work] for work in "abc"] == [
        (work, count, str(Path.cwd())) for count, work in enumerate("abc", start=1)
    ]


def test_errors_and_lost_workers_are_answers_and_the_rest_is_done(pool):
    answers = dict(pool.each(["die", "raise", "last"]))
    assert isinstance(answers["die"], LostWorkerError)
    assert isinstance(answers["raise"], UnknownNameError)
    assert answers["last"][0] == "last"


class Cards:
    """Says which GPUs a worker sees."""

    def __call__(self, work):
        return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def test_workers_share_gpus_where_they_are_more_and_none_is_without():
    """No GPU is needed: Ray hands out as many as a node says that it has."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    head = {"num_cpus": 3, "num_gpus": 2, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    try:
        for workers, expected in ((None, 2), (3, 3)):
            pool = Pool(Cards(), cluster.address, workers=workers, threads=1, gpus=None)
            seen = [answer for _, answer in pool.each(range(6))]
            pool.close()
            assert len({process for process, _ in seen}) == expected
            assert {card for _, card in seen} == {"0", "1"}
    finally:
        cluster.shutdown()
