"""Output at a URL (a real S3 server) and workers on Ray (a real cluster of two nodes)."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from dmldata import open_dataset
from dmldata.common.errors import InputError, PrismError
from dmlgen.rendering.ray_workers import RayExecutor
from dmlgen.rendering.remote import Destination
from dmlgen.rendering.run import render

COMMAND = [
    *(sys.executable, "-c", "from dmlgen.cli.main import main; main()"),
    *("render", "paper", "--factor", "color", "--scenes", "2", "--variants", "3"),
    *("--seed", "7", "--size", "64", "--preset", "draft", "--device", "cpu", "--json"),
    *("--workers", "1", "--out"),
]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(out, work, *options):
    return subprocess.run(
        [*COMMAND, out, "--work", str(work), *options],
        capture_output=True,
        text=True,
        env=os.environ,
    )


def test_a_dataset_rendered_to_s3_is_the_one_rendered_to_a_folder(s3, color_sweep, tmp_path):
    done = run("s3://datasets/color", tmp_path)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.strip().splitlines()[-1])
    dataset = open_dataset("s3://datasets/color")
    assert last["fingerprint"] == dataset.fingerprint == open_dataset(str(color_sweep)).fingerprint
    assert len(list(dataset.samples_iter())) == 6
    assert list(tmp_path.iterdir()) == []
    again = run("s3://datasets/color", tmp_path)
    assert again.returncode == 0
    assert json.loads(again.stdout)["fingerprint"] == dataset.fingerprint
    other = run("s3://datasets/color", tmp_path, "--seed", "8")
    assert other.returncode == 2
    assert "s3://datasets/color holds another dataset, " in other.stderr
    assert "seed was 7, is 8" in other.stderr
    assert s3.secret not in done.stdout + done.stderr + again.stderr


def test_when_the_url_is_gone_the_frames_stay_and_the_same_command_goes_on(
    s3, color_sweep, tmp_path, monkeypatch
):
    # What is gone is asked for once, not again and again with longer and longer waits.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    destination = Destination("s3://datasets/later")
    destination.check()
    s3.stop()
    with pytest.raises(PrismError, match=r"datasets/later/.*cannot be written"):
        destination.put(color_sweep)
    gone = run("s3://datasets/later", tmp_path)
    assert gone.returncode == 1
    assert "s3://datasets/later: cannot be read" in gone.stderr
    assert s3.secret not in gone.stderr
    s3.start()
    Destination("s3://datasets/later").put(color_sweep)
    assert open_dataset("s3://datasets/later").fingerprint


def test_a_url_that_nothing_can_write_is_refused():
    with pytest.raises(InputError, match=r"--out nosuch://\*\*\*@x"):
        Destination("nosuch://user:secret@x")


def on(cluster, engine):
    return lambda images, logs: RayExecutor(engine, cluster.address, None, 1)


def test_two_nodes_of_a_ray_cluster_render_identical_bytes(
    cluster, color_sweep, plan, engine, tmp_path
):
    crews = set()
    render(
        plan,
        engine,
        tmp_path / "out",
        executor=on(cluster, engine),
        on_progress=lambda progress: crews.update(progress.workers),
    )
    assert contents(tmp_path / "out") == contents(color_sweep)
    assert len(crews) >= 2


def test_a_node_lost_while_it_renders_costs_no_image(cluster, color_sweep, plan, engine, tmp_path):
    node = cluster.add_node(num_cpus=2)
    lost = []

    def lose_it(progress):
        if progress.frame is not None and not lost:
            lost.append(node)
            cluster.remove_node(node, allow_graceful=False)

    render(plan, engine, tmp_path / "out", executor=on(cluster, engine), on_progress=lose_it)
    assert lost
    # Ray counts a killed node among its nodes until a health check fails; the next test would find
    # room on it.
    cluster.wait_for_nodes(timeout=120)
    assert contents(tmp_path / "out") == contents(color_sweep)


@pytest.mark.parametrize(
    ("threads", "device", "asked"),
    # The two nodes have two CPUs together, and none of them has two.
    [(2, "cpu", "2 CPUs"), (1000, "cpu", "1000 CPUs"), (1, "cuda", "1 CPUs and 1 GPU")],
)
def test_a_worker_for_which_no_node_has_room_is_refused_with_what_the_nodes_have(
    cluster, plan, engine, tmp_path, threads, device, asked
):
    def make(images, logs):
        return RayExecutor(replace(engine, device=device), cluster.address, None, threads)

    with pytest.raises(InputError, match=rf"no node .* has {asked} for .*: 1 CPUs, 1 CPUs\); ask"):
        render(plan, engine, tmp_path / "out", executor=make)
    assert list(tmp_path.iterdir()) == []


def test_without_a_cluster_at_the_address_the_message_names_it(plan, engine, tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=r"--address 127\.0\.0\.1:1"):
        RayExecutor(engine, "127.0.0.1:1", None, 1)
