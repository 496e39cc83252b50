"""`dmlbench train`: interrupted, resumed, saved, evaluated; and what it refuses."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import gc
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from dmlbench import load_model
from dmlbench.embedding import embed
from dmlbench.evaluation.dataset_input import input_notes
from dmlbench.models.weights import read_weights
from dmlbench.scores import map_at_r
from dmlbench.sources import open_source
from dmlbench.training import TrainSettings, read_training, train
from dmlbench.training import learner as learner_module
from dmlbench.training.fit import checkpoint_of, fit
from dmlbench.training.folder import exclusive_folder
from dmlbench.training.hyperparameters import PROFILES
from dmlbench.training.learner import OPTIMIZERS
from dmlbench.training.task import plan_task
from dmlbench.training.train import make_learner, train_first
from dmldata import open_dataset
from dmldata.common.errors import InputError, ModelError, PrismError


def silent(line):
    pass


def run(settings):
    return train(settings, say=silent, quiet=True)


def measured(path):
    """The history without the clock."""
    rows = read_training(path)["history"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_same_result(path, other):
    assert measured(path) == measured(other)
    one, two = read_weights(path), read_weights(other)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


# Interrupted and resumed

TINY = "timm:test_resnet?pretrained=false"


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    ("loss", "workers"), [("soft_triple", 0), ("multi_similarity_miner", 0), ("margin_class", 1)]
)
def test_training_that_failed_goes_on_to_the_same_model(loss, workers, settings, tmp_path):
    given = settings(loss, epochs=3, workers=workers)
    undisturbed = run(given.model_copy(update={"out": tmp_path / "undisturbed"}))

    def stop(line):
        if line.startswith("epoch 2"):
            raise Stop

    with contextlib.suppress(Stop):
        train(given, say=stop, quiet=True)
    assert checkpoint_of(given.folder).is_file()
    assert not given.file.exists()
    gc.collect()  # ends the processes that prepared batches, which the next ones would wait for
    assert_same_result(run(given), undisturbed)
    assert not checkpoint_of(given.folder).exists()


def test_killed_training_resumes_to_the_same_metrics(settings, toys, tmp_path):
    given = settings("arcface", epochs=6, steps=20)
    undisturbed = run(given.model_copy(update={"out": tmp_path / "undisturbed"}))
    options = {
        "--loss": given.loss,
        "--data": toys,
        "--out": given.out,
        "--trunk": given.trunk,
        "--size": given.size,
        "--folds": given.folds,
        "--epochs": given.epochs,
        "--steps": given.steps,
        "--batch": given.batch,
        "--devices": given.devices,
        "--workers": given.workers,
    }
    words = [str(word) for pair in options.items() for word in pair]
    command = [sys.executable, "-c", "from dmlbench.cli.main import main; main()", "train", *words]
    moment = np.random.default_rng().uniform(0, 0.6)
    print(f"killed {moment:.3f} s after the second epoch")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    log = given.folder / "metrics.csv"
    while process.poll() is None and (not log.is_file() or len(log.read_text().split()) < 4):
        time.sleep(0.01)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not given.file.exists()
    assert_same_result(run(given), undisturbed)
    with log.open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == list("0123456")


def test_batches_prepared_by_other_processes_are_the_same(settings, tmp_path):
    alone = run(settings("triplet", epochs=1, out=tmp_path / "alone"))
    helped = run(settings("triplet", epochs=1, workers=2, out=tmp_path / "helped"))
    assert_same_result(alone, helped)


def test_training_that_stopped_early_stays_stopped(settings):
    task = plan_task(settings("triplet", epochs=9, steps=1))
    still = task.hyperparameters.network.model_copy(update={"trunk_lr": 0.0, "embedder_lr": 0.0})
    given = task.hyperparameters.model_copy(update={"network": still, "patience": 2})
    task = dataclasses.replace(task, hyperparameters=given)
    histories = []
    for _ in range(2):
        learner, material = make_learner(task, task.start(), quiet=True)
        fit(learner, material, given, task.settings, silent, silent)
        histories.append(learner.history)
        assert learner.best
    # Untrained, the first epoch, and two that are no better.
    assert [len(history) for history in histories] == [4, 4]


def test_what_layers_draw_goes_on_where_it_was(settings, tmp_path):
    task = plan_task(settings("triplet", epochs=3))

    def learn(folder, tell):
        start = task.start()
        start.network.trunk = nn.Sequential(start.network.trunk, nn.Dropout(0.5))
        learner, material = make_learner(task, start, quiet=True)
        fit(
            learner,
            material,
            task.hyperparameters,
            task.settings.model_copy(update={"out": folder}),
            tell,
            silent,
        )
        return [row["train_loss"] for row in learner.history]

    def stop(row):
        if row["epoch"] == 2:
            raise Stop

    undisturbed = learn(tmp_path / "undisturbed", silent)
    with pytest.raises(Stop):
        learn(tmp_path / "stopped", stop)
    torch.rand(7)
    assert learn(tmp_path / "stopped", silent) == undisturbed


def test_model_that_is_there_is_not_trained_again_and_other_settings_are_refused(settings):
    given = settings("triplet", epochs=1)
    file = run(given)
    before = file.stat().st_mtime_ns
    said = []
    assert train(given, say=said.append) == file
    assert (file.stat().st_mtime_ns, said) == (before, [f"{file}: exists already"])
    with pytest.raises(InputError, match=r"other settings \(settings: epochs 1, now 2\)"):
        run(given.model_copy(update={"epochs": 2}))
    file.unlink()
    with pytest.raises(InputError, match=r"other settings \(settings: seed 0, now 1\)"):
        run(given.model_copy(update={"seed": 1}))


def write_weights(file, seed):
    torch.save(load_model(f"{TINY}&seed={seed}").model.state_dict(), file)


def test_a_model_of_other_weights_of_its_trunk_is_no_result(settings, tmp_path):
    write_weights(tmp_path / "w.pth", 0)
    given = settings("none", trunk=f"timm:test_resnet?weights={tmp_path / 'w.pth'}")
    file = run(given)
    assert run(given) == file
    write_weights(tmp_path / "w.pth", 1)
    with pytest.raises(InputError, match="began with other weights than the file of --trunk"):
        run(given)
    assert str(tmp_path) not in json.dumps(read_training(file))
    (tmp_path / "w.pth").unlink()
    assert run(given) == file


def test_images_of_classes_that_a_model_was_trained_on_are_noted(settings, toys):
    loaded = load_model(str(run(settings("triplet", epochs=1))))
    notes = list(input_notes(loaded, open_source(str(toys))))
    known = len(loaded.classes)
    assert 0 < known < 16
    assert any(f"was trained on {known} of the 16 classes (class)" in note for note in notes)
    unseen = dataclasses.replace(loaded, classes=("another",))
    assert not any("trained on" in note for note in input_notes(unseen, open_source(str(toys))))


def test_training_does_not_go_on_from_other_weights_of_its_trunk(settings, tmp_path):
    write_weights(tmp_path / "w.pth", 0)
    given = settings("triplet", trunk=f"timm:test_resnet?weights={tmp_path / 'w.pth'}")
    train_first(given, 1, quiet=True)
    write_weights(tmp_path / "w.pth", 1)
    with pytest.raises(InputError, match=r"other settings \(start: trunk_sha256 "):
        run(given)
    write_weights(tmp_path / "w.pth", 0)
    assert run(given).is_file()


def test_what_one_device_trains_is_the_same_wherever_it_is_and_what_several_train_is_not(settings):
    given = settings("triplet")
    one, cpu, two = (
        given.model_copy(update={"devices": devices}).deciding() for devices in ("1", "cpu", "2")
    )
    assert one == cpu == given.deciding() != two


@pytest.mark.parametrize("epochs", [100, 102])
def test_patience_is_as_many_epochs_whatever_the_length(settings, epochs):
    given = settings("triplet", profile="reality_check", epochs=epochs)
    hyperparameters = plan_task(given).hyperparameters
    assert hyperparameters.validate_every * hyperparameters.patience == 15
    assert epochs % hyperparameters.validate_every == 0


def test_one_model_is_trained_by_one_process(settings):
    given = settings("triplet")
    with (
        exclusive_folder(given.folder),
        pytest.raises(InputError, match="another process trains this"),
    ):
        run(given)


# Saved and evaluated


def test_saved_model_gives_the_embeddings_that_were_validated(settings, toys):
    given = settings("contrastive", fold=1)
    file = run(given)
    training = read_training(file)
    loaded = load_model(str(file))
    assert (loaded.loss, loaded.distance, loaded.dimensions) == ("contrastive", "euclidean", 128)
    assert loaded.preprocessing.input_size == (32, 32)
    source = open_source(str(toys))
    classes = training["classes"]["validation"]["names"]
    chosen = np.isin(source.values("class").astype(str), classes)
    items = (item.image for item in source.samples_iter())
    embeddings = embed(loaded, items)[chosen]
    found = map_at_r(embeddings, source.values("class")[chosen].tolist())
    assert found == pytest.approx(training["metrics"]["trained"]["map_at_r"], abs=1e-6)
    best = max(row["map_at_r"] for row in training["history"][1:])
    assert training["metrics"]["trained"]["map_at_r"] == best


def test_saved_model_says_all_of_its_training(settings, toys):
    training = read_training(run(settings("arcface", epochs=1)))
    assert training["data"]["fingerprint"] == open_source(str(toys)).fingerprint
    assert training["label"] == "class"
    assert training["classes"]["train"]["count"] == 8
    assert training["images"] == {"train": 48, "validation": 48}
    assert (training["settings"]["fold"], training["settings"]["folds"]) == (0, 2)
    assert training["hyperparameters"]["loss"].keys() == {"margin", "scale"}
    assert training["made_with"]["versions"].keys() >= {"torch", "pytorch-metric-learning"}
    names = {
        name for part in ("train", "validation") for name in training["classes"][part]["names"]
    }
    assert len(names) == 16


def test_controls_are_saved_as_they_are(settings, tmp_path):
    untrained, random = (read_weights(run(settings(loss))) for loss in ("none", "random"))
    trained = run(settings("triplet", epochs=1))
    assert read_training(trained)["metrics"]["untrained"]["map_at_r"] == pytest.approx(
        read_training(tmp_path / "models/none-fold0.safetensors")["metrics"]["untrained"][
            "map_at_r"
        ],
        abs=1e-6,
    )
    assert not torch.equal(read_weights(trained)["embedder.weight"], untrained["embedder.weight"])
    assert torch.equal(random["embedder.weight"], untrained["embedder.weight"])


def test_batch_norm_keeps_the_statistics_it_came_with(settings):
    before = read_weights(run(settings("none")))
    after = read_weights(run(settings("triplet")))
    statistics = [name for name in before if name.endswith(("running_mean", "running_var"))]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    scales = [name for name in before if "bn" in name and name.endswith("weight")]
    assert any(not torch.equal(before[name], after[name]) for name in scales)


def test_trained_and_exported_models_evaluate(settings, shapes, dmlbench, tmp_path):
    file = run(settings("triplet", epochs=1))
    answer = dmlbench(
        "evaluate", file, "--data", shapes, "--maps", 2, "--samples", 2, "--out", tmp_path / "r"
    )
    assert answer.exit_code == 0, answer.err
    expected = load_model(str(file))
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for format_name, suffix in (("torchscript", "pt"), ("pt2", "pt2"), ("onnx", "onnx")):
        out = tmp_path / f"model.{suffix}"
        answer = dmlbench("export", file, "--to", format_name, "--out", out)
        assert answer.exit_code == 0, answer.err
        loaded = load_model(str(out), trust_pickle=True)
        assert (loaded.loss, loaded.preprocessing) == ("triplet", expected.preprocessing)
        with torch.no_grad():
            found, wanted = loaded.model(images), expected.model(images)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "caffe", "--out", "m.pt"], "unknown format 'caffe'; valid: torchscript, pt2"),
        (["--to", "onnx", "--out", "m.pt"], "--out m.pt: valid: a name that ends in .onnx"),
    ],
)
def test_export_that_makes_no_sense_is_refused(dmlbench, models, options, message):
    answer = dmlbench("export", models["small"], *options)
    assert (answer.exit_code, answer.out) == (2, "")
    assert message in answer.err


# The command


def test_command_prints_what_training_was_worth(dmlbench, settings, toys, tmp_path):
    options = ["--data", toys, "--out", tmp_path, "--trunk", settings("triplet").trunk]
    small = ["--size", 32, "--folds", 2, "--batch", 16, "--epochs", 1, "--steps", 5]
    answer = dmlbench("train", "--loss", "triplet", *options, *small, "--devices", "cpu")
    assert answer.exit_code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("untrained: validation MAP@R 0.")
    assert lines[1].startswith("epoch 1 of 1: loss 0.")
    assert [line.split("\t")[0] for line in lines[2:5]] == ["network", "untrained", "trained"]
    assert lines[5] == f"model: {tmp_path / 'triplet-fold0.safetensors'}"
    again = dmlbench("train", "--loss", "triplet", *options, *small, "--devices", "cpu", "--json")
    assert again.json["metrics"]["trained"]["epoch"] == 1


def test_the_training_split_of_a_rendered_dataset_is_trained_on(
    write, rows, shapes, dmlbench, tmp_path
):
    plan = rows(36)
    models = [f"model{number}" for number in range(6)]
    for number, row in enumerate(plan):
        row |= {"car_model": models[number % 6], "split": "train" if number % 6 < 4 else "test"}
    shape, *others = open_dataset(shapes).manifest.factors
    factors = (shape.model_copy(update={"values": tuple(models)}), *others)
    folder = write(tmp_path / "cars", plan, factors=factors)
    options = ["--data", folder, "--out", tmp_path / "m", "--folds", 2, "--trunk", TINY]
    answer = dmlbench("train", "--loss", "none", "--size", 32, *options)
    assert answer.exit_code == 0, answer.err
    training = read_training(tmp_path / "m/none-fold0.safetensors")
    assert training["label"] == "car_model"
    assert training["data"]["options"] == {"split": "train"}
    assert training["classes"]["train"]["names"] == ["model2", "model3"]
    model = tmp_path / "m/none-fold0.safetensors"
    test = ["--split", "test", "--maps", 0, "--out", tmp_path / "r"]
    answer = dmlbench("evaluate", model, "--data", folder, *test, "--json")
    assert answer.exit_code == 0, answer.err
    labels = answer.json["results"][0]["properties"]["properties"]["car_model"]["labels"]
    assert labels == 2


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "fp16", "devices": "cpu"}, "fp16: needs a GPU; valid without one: bf16, fp"),
        ({"batch": 15}, "--batch 15 is not made of 4 images of each class; valid: a multiple of 4"),
        ({"batch": 64}, "a batch of 64 takes 4 images of each of 16 classes, the fold trains on 8"),
        ({"images_per_class": 1}, "images_per_class 1: a ranking loss learns from two images of a"),
        ({"images_per_class": 16}, "batch 16, images_per_class 16: a batch is of one class"),
        ({"images_per_class": 8}, "takes 8 images of a class, no class has more than 6"),
        ({"folds": 9}, r"fold 0 of 9 leaves 1 of 16 classes to validate on"),
        ({"data": "nowhere"}, "nowhere: no such folder; valid: a folder, a URL"),
        ({"trunk": "resnet50"}, "--trunk resnet50; valid: timm:NAME, timm:NAME.weights=FILE"),
        ({"trunk": "bn_inception"}, "its ImageNet weights are not part of this project; valid"),
        ({"trunk": "bn_inception?weights=no.pth"}, "weights 'no.pth': no such file"),
        ({"trunk": "timm:test_resnet?weights=no.pth"}, "weights 'no.pth': no such file"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, changes, message):
    with pytest.raises((InputError, ModelError), match=message):
        run(settings("triplet", **changes))


def test_data_with_too_few_images_of_a_class_is_refused(settings, make_toys, tmp_path):
    few = make_toys(tmp_path / "few", each=3)
    with pytest.raises(InputError, match="takes 4 images of a class, no class has more than 3"):
        run(settings("triplet", data=str(few)))
    single = make_toys(tmp_path / "single", each=1)
    with pytest.raises(InputError, match="none of the 8 classes to validate on has two images"):
        run(settings("arcface", data=str(single)))


def test_images_that_are_left_out_are_said(settings, make_toys, tmp_path):
    folder = make_toys(tmp_path / "some")
    lines = (folder / "labels.csv").read_text().splitlines()
    column = lines[0].split(",").index("class")
    cells = [line.split(",") for line in lines]
    cells[-1][column] = ""
    (folder / "labels.csv").write_text("\n".join(map(",".join, cells[:1] + cells[2:])) + "\n")
    said = []
    train(settings("none", data=str(folder)), say=said.append, quiet=True)
    assert any("1 of 95 images have no class and are left out" in line for line in said)
    assert any("1 image" in line and "left out" in line for line in said)


def test_a_training_that_failed_at_once_leaves_room_for_another(settings, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["dmlbench.training.train"], "fit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(settings("triplet", epochs=1))
    assert run(settings("triplet", epochs=1, steps=2)).is_file()


def test_a_training_leaves_the_random_state_of_the_caller(settings):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run(settings("triplet", epochs=1, steps=2))
    assert torch.equal(torch.rand(1), expected)


def test_settings_are_what_python_has(toys, tmp_path):
    made = TrainSettings(loss="arcface", data=toys, out=str(tmp_path), devices=1)
    assert (made.data, made.out, made.devices) == (str(toys), tmp_path, "1")


def test_some_classes_with_too_few_images_make_a_note(settings, make_toys, tmp_path):
    folder = make_toys(tmp_path / "some")
    lines = (folder / "labels.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("15-3", "15-4", "15-5"))]
    (folder / "labels.csv").write_text("\n".join(kept) + "\n")
    said = []
    train(settings("triplet", data=str(folder), epochs=1, steps=3), say=said.append, quiet=True)
    short = "note: 1 of 8 classes have fewer than the 4 images"
    assert any(line.startswith(short) for line in said)


def test_loss_that_is_not_a_number_ends_with_what_to_change(settings):
    given = settings("triplet", epochs=1)
    task = plan_task(given)
    fast = task.hyperparameters.network.model_copy(update={"trunk_lr": 1e30, "embedder_lr": 1e30})
    wild = task.hyperparameters.model_copy(update={"network": fast, "warmup": 0})
    learner, material = make_learner(task, task.start(), quiet=True)
    learner._hyperparameters = wild
    with pytest.raises(
        PrismError, match=r"triplet: .* not a finite number at step \d+.*lower"
    ) as e:
        fit(learner, material, wild, given, silent, silent)
    assert e.value.exit_code == 1


def test_whether_a_network_is_folded_is_decided_once(settings, monkeypatch):
    decided = []
    fold = learner_module.folded_for_training

    def note(network, images, *, known_to_agree):
        decided.append(known_to_agree)
        return fold(network, images, known_to_agree=known_to_agree)

    monkeypatch.setattr(learner_module, "folded_for_training", note)

    def stop(line):
        if line.startswith("epoch 2"):
            raise Stop

    given = settings("triplet", epochs=3)
    with contextlib.suppress(Stop):
        train(given, say=stop, quiet=True)
    run(given)
    assert decided == [False, True]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_trains(profile, settings):
    given = settings("arcface", epochs=1, steps=2, profile=profile)
    trained = run(given)
    assert read_training(trained)["history"][-1]["train_loss"] > 0


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_every_optimizer_lowers_a_square(optimiser):
    number = torch.nn.Parameter(torch.tensor(3.0))
    optimizer = OPTIMIZERS[optimiser]([number], lr=0.1)
    number.square().backward()
    optimizer.step()
    assert abs(number) < 3


def test_frozen_stages_keep_their_weights_and_the_others_learn(settings):
    given = settings("triplet", epochs=1, hyperparameters={"frozen_stages": 2})
    start = plan_task(given).start().network.state_dict()
    trained = read_weights(run(given))
    changed = {name for name, tensor in start.items() if not torch.equal(tensor, trained[name])}
    assert changed
    assert not [name for name in changed if name.startswith(("trunk.conv1", "trunk.layer1"))]
    assert any(name.startswith("trunk.layer2") for name in changed)
    with pytest.raises(InputError, match="frozen_stages 9: the trunk has 5; valid: 0 to 5"):
        run(settings("triplet", name="other", hyperparameters={"frozen_stages": 9}))
