"""Models of some epochs of a training: which, what they hold, and resuming that changes none."""

import contextlib
import shutil

import pytest
import torch

from dmlbench import load_model
from dmlbench.embedding import embed
from dmlbench.models.weights import read_weights
from dmlbench.scores import map_at_r
from dmlbench.sources import open_source
from dmlbench.training import TrainSettings, read_checkpoints, read_training, train
from dmlbench.training.checkpoints import log_spaced
from dmlbench.training.task import plan_task
from dmldata.common.errors import InputError, ModelError


def run(settings, say=lambda line: None):
    return train(settings, say=say, quiet=True)


@pytest.mark.parametrize("last", [1, 2, 6, 40, 200, 1000])
def test_checkpoints_are_log_spaced_and_end_with_the_last(last):
    for count in range(30):
        numbers = log_spaced(last, count)
        assert len(set(numbers)) == len(numbers) == min(count, last)
        assert list(numbers) == sorted(numbers)
        assert not numbers or (numbers[0] >= 1 and numbers[-1] == last)


@pytest.fixture(scope="module")
def trained(toys, tmp_path_factory):
    """Settings and file of a training of four epochs with three checkpoints; tests only read it."""
    chosen = TrainSettings(
        loss="arcface",
        data=str(toys),
        out=tmp_path_factory.mktemp("trained"),
        trunk="timm:test_resnet?pretrained=false",
        size=32,
        folds=2,
        batch=8,
        epochs=4,
        steps=3,
        checkpoints=3,
        workers=0,
        devices="cpu",
    )
    return chosen, run(chosen)


def test_checkpoints_are_the_models_that_were_validated(trained, toys):
    chosen, file = trained
    checkpoints = read_checkpoints(file)
    assert [checkpoint.epoch for checkpoint in checkpoints] == [1, 2, 4]
    history = {row["epoch"]: row for row in read_training(file)["history"]}
    source, fold = open_source(str(toys)), plan_task(chosen).fold
    keys, names = source.samples["key"].to_pylist(), source.values("class")
    class_of = {key: name for key, name in zip(keys, names, strict=True) if name in fold.validation}
    for checkpoint in checkpoints:
        loaded = load_model(str(checkpoint.file))
        items = list(source.samples_iter(keys=set(class_of), with_mask=False))
        embeddings = embed(loaded, (item.image for item in items), device="cpu")
        expected = map_at_r(embeddings, [class_of[item.key] for item in items])
        assert checkpoint.map_at_r == pytest.approx(expected, abs=1e-3)
        assert checkpoint.map_at_r == history[checkpoint.epoch]["map_at_r"]
        described = read_training(checkpoint.file)
        assert described["checkpoint"]["epoch"] == checkpoint.epoch
        assert described["settings"]["checkpoints"] == 3


def test_checkpoints_change_nothing_in_the_training(trained, settings, tmp_path):
    _, file = trained
    without = run(settings("arcface", epochs=4, steps=3, out=tmp_path / "without"))
    one, two = read_weights(file), read_weights(without)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert "checkpoints" not in read_training(without)["settings"]
    assert read_checkpoints(without) == []
    assert not (tmp_path / "without" / "arcface-fold0" / "checkpoints").exists()


def test_interrupted_training_keeps_the_same_checkpoints(trained, settings, tmp_path):
    class StopError(Exception):
        pass

    def stop(line):
        if line.startswith("epoch 2"):
            raise StopError

    given = settings("arcface", epochs=4, steps=3, checkpoints=3, out=tmp_path / "cut")
    with contextlib.suppress(StopError):
        run(given, stop)
    assert len(list((given.folder / "checkpoints").iterdir())) == 1
    undisturbed, resumed = read_checkpoints(trained[1]), read_checkpoints(run(given))
    for one, two in zip(undisturbed, resumed, strict=True):
        assert one.file.read_bytes() == two.file.read_bytes()
        assert (one.epoch, one.map_at_r) == (two.epoch, two.map_at_r)


def test_other_checkpoints_are_another_training(trained, tmp_path):
    shutil.copytree(trained[0].out, tmp_path / "copy")
    chosen = trained[0].model_copy(update={"out": tmp_path / "copy"})
    file = chosen.file
    for count, message in ((2, "checkpoints 3, now 2"), (0, "checkpoints 3, now None")):
        with pytest.raises(InputError, match=message):
            run(chosen.model_copy(update={"checkpoints": count}))
    read_checkpoints(file)[0].file.unlink()
    with pytest.raises(ModelError, match=r"epoch-0001\.safetensors: no such file"):
        read_checkpoints(file)


def test_more_checkpoints_than_validations_make_a_note(settings):
    said = []
    file = run(settings("arcface", epochs=2, steps=2, checkpoints=10), said.append)
    assert any("2 checkpoints instead of 10" in line for line in said)
    assert [checkpoint.epoch for checkpoint in read_checkpoints(file)] == [1, 2]


def test_training_that_stops_early_has_the_checkpoints_up_to_there(settings, monkeypatch):
    from dmlbench.training import task

    stopping = task.read_hyperparameters

    def impatient(*arguments, **changes):
        return stopping(*arguments, **changes).model_copy(update={"patience": 1})

    monkeypatch.setattr(task, "read_hyperparameters", impatient)
    file = run(settings("arcface", epochs=40, steps=1, checkpoints=40))
    epochs = [row["epoch"] for row in read_training(file)["history"] if row["epoch"]]
    assert 1 < len(epochs) < 40
    assert [checkpoint.epoch for checkpoint in read_checkpoints(file)] == epochs


def test_controls_have_no_checkpoints(settings):
    assert read_checkpoints(run(settings("none", checkpoints=3))) == []


def test_command_prints_the_checkpoints(dmlbench, settings, toys):
    chosen = settings("arcface", steps=2)
    given = ["train", "--loss", "arcface", "--data", toys, "--out", chosen.out, "--size", 32]
    given += ["--trunk", chosen.trunk, "--folds", 2, "--epochs", 2, "--steps", 2, "--batch", 8]
    given += ["--devices", "cpu", "--workers", 0, "--checkpoints", 1]
    answer = dmlbench(*given)
    assert answer.exit_code == 0, answer.err
    file = chosen.folder / "checkpoints" / "epoch-0002.safetensors"
    assert f"checkpoint: {file}: validation MAP@R 0." in answer.out
    again = dmlbench(*given, "--json")
    assert again.json["checkpoints"] == [str(file)]
