"""Every loss trains: on a toy problem, in one epoch."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from pytorch_metric_learning.regularizers import SparseCentersRegularizer

from dmlbench.losses import LOSSES, distance_named, loss_named
from dmlbench.models import load_model
from dmlbench.training import read_training, train
from dmlbench.training.fit import Material, fit
from dmlbench.training.hyperparameters import (
    PROFILES,
    read_file,
    read_hyperparameters,
    sources_of,
)
from dmlbench.training.learner import Learner
from dmlbench.training.losses import Size, build_loss
from dmlbench.training.sparse_centers import SparseCenters
from dmlbench.training.task import plan_task
from dmlbench.training.train import make_learner
from dmldata.common.errors import InputError, UnknownNameError

TRAINED = [key for key, loss in LOSSES.items() if loss.group != "control"]


SLOW = {"large_margin_softmax", "proxy_anchor", "sphereface"}


@pytest.mark.parametrize("key", TRAINED)
def test_training_lowers_the_loss_and_raises_retrieval_of_other_classes(key, settings):
    given = settings(key, epochs=4 if key in SLOW else 1, steps=20)
    task = plan_task(given)
    learner, material = make_learner(task, task.start(), quiet=True)
    before = loss_of_all(learner, material)
    fit(learner, material, task.hyperparameters, given, lambda row: None, lambda done: None)
    assert loss_of_all(learner, material) < before
    untrained, *_, trained = learner.history
    assert trained["map_at_r"] > untrained["map_at_r"]


def loss_of_all(learner: Learner, material: Material) -> float:
    """Over all images that are trained on, as they are."""
    places = material.train.tolist()
    images = [material.preprocessing.pixels(material.images[i]) for i in places]
    pixels = torch.stack([torch.from_numpy(image) for image in images])
    classes = torch.tensor([material.classes[i] for i in places])
    with torch.no_grad():
        return float(learner.eval().loss_of(pixels, classes))


@pytest.mark.parametrize("key", ["large_margin_softmax", "sphereface"])
def test_a_margin_that_multiplies_the_angle_comes_little_by_little(key):
    given = read_hyperparameters(key, "quick")
    loss = build_loss(key, given.loss, None, Size(3, 4))
    cosine = torch.tensor([1.0, 0.0, -1.0])
    # cos(4 angle), lowered by 2 for each quarter of the half circle that the angle is beyond.
    margin = torch.tensor([1.0, -3.0, -7.0])
    embeddings, classes = torch.randn(6, 4), torch.arange(6) % 3
    for steps, plain in ((0, 1000), (50, 1000 / 7), (10**6, 5)):
        loss.loss.steps.fill_(steps)
        annealed = loss.eval().loss.modify_cosine_of_target_classes(cosine).float()
        torch.testing.assert_close(
            annealed, (plain * cosine + margin) / (plain + 1), atol=1e-3, rtol=0
        )
        assert loss.state_dict()["loss.steps"] == steps
        loss.train()(embeddings, classes)
        assert loss.state_dict()["loss.steps"] == steps + 1


@pytest.mark.parametrize("key", TRAINED)
def test_a_loss_has_the_distance_of_the_protocol(key):
    given = read_hyperparameters(key, "reality_check")
    loss = build_loss(key, given.loss, given.miner, Size(6, 8)).loss
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(5, 8, generator=generator), torch.randn(1, 8, generator=generator)
    expected = distance_named(LOSSES[key].distance)(a, b)
    torch.testing.assert_close(loss.distance(a, b)[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_centers_that_coincide_have_a_gradient():
    """The regularizer of SoftTriple draws the centers of a class together."""
    weights = torch.nn.functional.normalize(torch.randn(8, 6, dtype=torch.float32), dim=1).T.clone()
    weights[:, 1] = weights[:, 0]
    weights.requires_grad_()
    regularizer = SparseCenters(2, 4)
    loss = regularizer(weights.T)
    loss.backward()
    assert torch.isfinite(weights.grad).all()
    # As the library's, but for the small number under the root.
    usual = SparseCentersRegularizer(2, 4)(weights.T.detach())
    assert loss.item() == pytest.approx(usual.item(), abs=1e-3)


def test_proxy_nca_is_the_normalized_softmax_with_half_the_temperature():
    proxy = build_loss("proxy_nca", {"softmax_scale": 5.0}, None, Size(6, 8))
    softmax = build_loss("normalized_softmax", {"temperature": 0.1}, None, Size(6, 8))
    with torch.no_grad():
        softmax.loss.W.copy_(proxy.loss.proxies.T)
    embeddings, classes = torch.randn(12, 8), torch.arange(12) % 6
    torch.testing.assert_close(proxy(embeddings, classes), softmax(embeddings, classes))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("key", TRAINED)
def test_every_hyperparameter_has_a_source(key, profile):
    read_hyperparameters(key, profile)
    sources = sources_of(key, profile)
    for name in ("common", key):
        values = dict(read_file(name)[profile])
        values.pop("sources")
        for part, value in values.items():
            fields = [f"{part}.{field}" for field in value] if isinstance(value, dict) else [part]
            assert all(field in sources or part in sources for field in fields), (name, part)


def test_published_values_are_those_of_the_reality_check():
    def published(key):
        given = read_hyperparameters(key, "reality_check")
        return given.loss, given.loss_parameters and given.loss_parameters.lr

    assert published("contrastive") == ({"pos_margin": 0.2652, "neg_margin": 0.5409}, None)
    assert published("cosface") == ({"margin": 0.4324, "scale": 161.5}, 7.41e-3)
    assert published("proxy_nca") == ({"softmax_scale": 7.97}, 4.43e-3)
    given = read_hyperparameters("margin", "reality_check")
    assert (given.network.optimiser, given.network.trunk_lr) == ("rmsprop", 1e-6)
    assert (given.network.weight_decay, given.network.momentum) == (1e-4, 0.9)
    # The boundary of the margin loss is not decayed, the network is.
    assert given.loss_parameters.weight_decay == 0.0
    assert (given.batch, given.images_per_class) == (32, 4)
    assert read_hyperparameters("arcface", "reality_check").images_per_class == 1


def test_single_numbers_replace_those_of_the_profile():
    changes = {"loss.scale": 30, "network.trunk_lr": 1e-5, "warmup": 3}
    changed = read_hyperparameters("arcface", "quick", changes)
    profile = read_hyperparameters("arcface", "quick")
    assert (changed.loss["scale"], changed.network.trunk_lr, changed.warmup) == (30, 1e-5, 3)
    same = {"loss": profile.loss, "network": profile.network, "warmup": profile.warmup}
    assert changed.model_copy(update=same) == profile


def test_losses_of_the_classification_group_are_those_with_proxies():
    for key in TRAINED:
        given = read_hyperparameters(key, "quick")
        own = list(build_loss(key, given.loss, given.miner, Size(6, 8)).parameters())
        assert bool(own) == (given.loss_parameters is not None)
        assert (given.images_per_class == 1) == (LOSSES[key].group == "classification")


@pytest.fixture
def own_loss(tmp_path, monkeypatch):
    """Write a module with a function `make` and return its reference."""
    monkeypatch.chdir(tmp_path)

    def write(source):
        name = f"loss_in_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(f"from torch import nn\n\n{source}\n")
        return f"python:{name}:make"

    return write


def test_loss_of_ones_own_trains_and_its_model_is_measured_with_its_distance(
    own_loss, settings, monkeypatch
):
    reference = own_loss(
        "def make(num_classes, embedding_size):\n"
        "    class Softmax(nn.Module):\n"
        "        def __init__(self):\n"
        "            super().__init__()\n"
        "            self.classes = nn.Linear(embedding_size, num_classes)\n"
        "        def forward(self, embeddings, classes):\n"
        "            return nn.functional.cross_entropy(self.classes(embeddings), classes)\n"
        "    return Softmax()"
    )
    key = f"{reference}?distance=cosine_similarity"
    path = train(settings(key, epochs=1), say=lambda line: None, quiet=True)
    assert path.name == f"{reference.removeprefix('python:').replace(':', '.')}-fold0.safetensors"
    loaded = load_model(str(path))
    assert loaded.distance == "cosine_similarity"
    assert re.fullmatch(re.escape(key) + "#[0-9a-f]{8}", loaded.loss)
    _, trained = read_training(path)["history"]
    assert trained["train_loss"] is not None
    # A function whose file has changed is another loss, under the same name.
    module = Path(f"{reference.split(':')[1]}.py")
    module.write_text(module.read_text() + "\n# changed")
    with pytest.raises(InputError, match="has changed since Python imported it; valid: in a new"):
        train(settings(key, epochs=1), say=lambda line: None, quiet=True)
    monkeypatch.delitem(sys.modules, module.stem)
    with pytest.raises(InputError, match=r"other settings \(settings: loss"):
        train(settings(key, epochs=1), say=lambda line: None, quiet=True)


RETURNS = """
class Loss(nn.Module):
    def forward(self, embeddings, classes):
        return {}

make = Loss
"""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def make(): return 3", "returns int; valid: a module"),
        ("def make(): raise KeyError('weights')", "the function fails: KeyError: 'weights'"),
        ("def build(): return None", "has no function 'make'"),
        (
            RETURNS.format("embeddings.sum(1)"),
            r"its loss returns a tensor \[32\]; valid: one number",
        ),
        (RETURNS.format("0.5"), "its loss returns float; valid: one number"),
        (RETURNS.format("embeddings.detach().sum()"), r"returns a tensor \[\] without a gradient"),
        (RETURNS.format("embeddings[999]"), "the function fails: IndexError"),
    ],
)
def test_loss_of_ones_own_that_cannot_be_built_is_named(own_loss, settings, source, message):
    reference = own_loss(source)
    with pytest.raises(InputError, match=message) as caught:
        train(settings(reference), say=lambda line: None, quiet=True)
    assert reference in str(caught.value)


def test_numbers_of_a_loss_that_have_to_be_whole_are():
    numbers = {"scale": 8.0, "margin": 20.0, "sub_centers": 2.7}
    with pytest.raises(InputError, match=r"loss\.sub_centers 2\.7: has to be a whole number"):
        build_loss("sub_center_arcface", numbers, {}, Size(4, 8))


def test_a_reference_of_a_loss_with_unknown_options_lists_the_valid_ones():
    with pytest.raises(InputError, match=r"valid after .*: distance=euclidean"):
        loss_named("python:module:function?group=metric")
    with pytest.raises(UnknownNameError, match="unknown distance 'cosine'"):
        loss_named("python:module:function?distance=cosine")


def test_what_cannot_be_trained_is_named():
    with pytest.raises(UnknownNameError, match=r"'arcfase' \(did you mean 'arcface'"):
        read_hyperparameters("arcfase", "quick")
    with pytest.raises(UnknownNameError, match=r"profile 'fast'; valid: quick, reality_check"):
        read_hyperparameters("arcface", "fast")
    with pytest.raises(UnknownNameError, match=r"hyperparameter 'loss\.scael'.*loss\.scale"):
        read_hyperparameters("arcface", "quick", {"loss.scael": 1})
    with pytest.raises(InputError, match=r"hyperparameters of arcface: .*trunk_lr"):
        read_hyperparameters("arcface", "quick", {"network.trunk_lr": -1})
    with pytest.raises(InputError, match=r"hyperparameters of arcface: .*warmup"):
        read_hyperparameters("arcface", "quick", {"warmup": 2.5})
    with pytest.raises(UnknownNameError, match="hyperparameter 'epochs'"):
        read_hyperparameters("arcface", "quick", {"epochs": 9}, epochs=4)
    with pytest.raises(InputError, match="'none' is a control"):
        build_loss("none", {}, None, Size(2, 2))
    with pytest.raises(InputError, match=r"'triplet': parameters .*marging"):
        build_loss("triplet", {"marging": 1.0}, None, Size(2, 2))
