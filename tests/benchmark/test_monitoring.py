"""Property scores in a training loop: the scores of evaluate, from a network that is left alone."""

import math
import random
import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import dmlbench
from dmlbench.models import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.monitoring.images import WIDTH
from dmlbench.monitoring.map_strip import GAP
from dmlbench.sources import open_source
from dmldata.common.errors import InputError, ModelError

SMALL = Preprocessing(input_size=32, resize=(36, 36))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, 2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )


def monitored(data, **options):
    return dmlbench.PropertyMonitor(data, **{"preprocessing": SMALL, "samples": 2, **options})


@pytest.mark.parametrize("design", ["independent", "sweep"])
def test_the_scores_are_those_of_evaluate(network, write, rows, tmp_path, design):
    """In a sweep, images of the query's own scene are no neighbors."""
    scenes = rows(scene_of=lambda number: number // 3)
    for row in scenes if design == "sweep" else ():
        row["paint_hue"] = scenes[row["scene_id"] * 3]["paint_hue"]
    group = "color" if design == "sweep" else None
    folder = write(tmp_path / "data", scenes, design=design, sweep_group=group)
    scores = ("nr_precision", "arp", "precision_at_1", "map_at_r")
    measured = monitored(folder, scores=scores)(network)
    evaluation = dmlbench.evaluate(
        network, folder, out=tmp_path / "results", preprocessing=SMALL, maps=0, quiet=True
    )
    frame = evaluation.to_frame()
    expected = {
        f"{row.score}/{row.property}": row.value
        for row in frame.itertuples()
        if row.score in scores
    }
    assert measured == pytest.approx(expected, abs=1e-6)
    assert {type(score) for score in measured.values()} == {float}


def test_by_default_every_property_and_the_class_are_measured(network, shapes):
    assert set(monitored(shapes)(network)) == {
        "nr_precision/car_model",
        "nr_precision/paint_hue",
        "nr_precision/background_value",
        "precision_at_1/car_model",
        "map_at_r/car_model",
    }
    chosen = monitored(shapes, properties=["paint_hue"], scores=["arp"], class_scores=[])
    assert set(chosen(network)) == {"arp/paint_hue"}


def test_a_monitored_training_ends_with_the_same_weights(network, shapes):
    """Nothing that decides a step is changed: modes, gradients, random states, statistics."""
    images, weights = torch.rand(8, 3, 32, 32), []
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for monitor in (None, monitored(shapes, maps_every=1)):
        network.load_state_dict(start)
        network.zero_grad()
        network.train()
        network[1].eval()
        network[1].weight.requires_grad_(False)
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
        for _ in range(3):
            scale = random.random() * np.random.rand()  # noqa: NPY002
            (network(images) * scale).square().mean().backward()
            if monitor is not None:
                assert monitor(network)
            optimizer.step()
            assert network.training
            assert not network[1].training
            assert not network[1].weight.requires_grad
        weights.append([tensor.clone() for tensor in network.state_dict().values()])
    assert all(plain.equal(watched) for plain, watched in zip(*weights, strict=True))


def test_images_are_decoded_once(network, shapes, tmp_path):
    folder = shutil.copytree(shapes, tmp_path / "data")
    monitor = monitored(folder)
    first = monitor(network)
    shutil.rmtree(folder)
    assert monitor(network) == first


def test_of_many_images_the_fingerprint_chooses_as_many_as_are_asked_for(network, shapes):
    source = open_source(str(shapes))
    once, again = (monitored(source, images=12)(network) for _ in range(2))
    assert once == again
    assert once != monitored(source)(network)


def test_scores_and_maps_have_rhythms_of_their_own(network, shapes):
    monitor = monitored(shapes, every=2, maps_every=3, map_images=2)
    measured, drawn = [], []
    for epoch in range(7):
        measured.append(bool(monitor(network, step=100 + epoch)))
        drawn.append(monitor.map_strip is not None)
    assert measured == [True, False, True, False, True, False, True]
    assert drawn == [True, False, False, True, False, False, True]
    frame = monitor.to_frame()
    assert frame.index.tolist() == [100, 102, 104, 106]
    assert frame.shape == (4, 5)
    assert frame["map_at_r/car_model"].tolist()[0] == monitor.history[0]["map_at_r/car_model"]


def test_an_empty_history_is_a_frame_with_the_same_columns(shapes):
    frame = monitored(shapes).to_frame()
    assert len(frame) == 0
    assert "nr_precision/paint_hue" in frame.columns


def test_a_state_continues_calls_and_history(network, shapes):
    monitor, resumed = (monitored(shapes, every=2) for _ in range(2))
    monitor(network)
    resumed.load_state_dict(monitor.state_dict())
    assert resumed(network) == {}
    assert resumed(network)
    assert resumed.to_frame().index.tolist() == [0, 2]


def test_a_strip_shows_fixed_images_above_their_maps(network, shapes):
    monitor = monitored(shapes, map_images=3)
    strip = monitor.draw_maps(network)
    side = min(WIDTH, 96)
    assert strip.dtype == np.uint8
    assert strip.shape == (2 * side + GAP, 3 * side + 2 * GAP, 3)
    np.testing.assert_array_equal(strip, monitor.draw_maps(network))
    keys = [image.key for image in monitor._images(network).shown]
    items = open_source(str(shapes)).samples_iter(keys=keys)
    for column, item in enumerate(items):
        left = column * (side + GAP)
        above = strip[:side, left : left + side]
        np.testing.assert_array_equal(above, np.asarray(item.image))
        assert not np.array_equal(strip[side + GAP :, left : left + side], above)


def test_images_of_several_sizes_share_a_strip(network, toys, tmp_path):
    folder = shutil.copytree(toys, tmp_path / "toys")
    name = sorted(folder.glob("*.png"))[0]
    with Image.open(name) as image:
        image.resize((40, 20)).save(name)
    monitor = monitored(folder, map_images=96, images=96)
    assert monitor.draw_maps(network).shape == (80 + GAP, 96 * 40 + 95 * GAP, 3)


def with_mapping(network):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, images):
            return {"logits": torch.zeros(len(images), 2, 2), "embedding": self.network(images)}

    return Wrapped()


def with_view(network):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network(images.view(len(images), -1).view(images.shape))

    return Wrapped()


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, with_mapping, with_view])
def test_a_network_is_measured_inside_what_wraps_it(network, shapes, wrap):
    monitor = monitored(shapes)
    assert monitor(wrap(network)) == monitor(network)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_network_of_another_precision_is_measured_and_explained_in_it(network, shapes, dtype):
    monitor = monitored(shapes, maps_every=1)
    expected = monitor(network)["nr_precision/background_value"]
    network.to(dtype)
    assert monitor(network)["nr_precision/background_value"] == pytest.approx(expected, abs=0.2)
    assert {tensor.dtype for tensor in network.parameters()} == {dtype}


def test_neither_autocast_nor_inference_mode_of_the_loop_matters(network, shapes):
    monitor = monitored(shapes, maps_every=1)
    expected, strip = monitor(network), monitor.map_strip
    fresh = monitored(shapes, maps_every=1)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert fresh(network) == expected
        np.testing.assert_array_equal(fresh.map_strip, strip)


def test_preprocessing_that_is_assumed_is_warned_of_once(network, shapes):
    monitor = dmlbench.PropertyMonitor(shapes, input_size=32)
    with pytest.warns(UserWarning, match="ImageNet's preprocessing assumed for mean, std") as said:
        monitor(network)
    assert [warning.filename for warning in said] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor(network)


def test_a_network_of_timm_brings_its_preprocessing(shapes, recwarn):
    ensure_torchvision_imports()
    timm = pytest.importorskip("timm")
    network = timm.create_model("test_efficientnet", num_classes=0)
    assert dmlbench.PropertyMonitor(shapes, input_size=32)(network)
    assert not [warning for warning in recwarn if "preprocessing" in str(warning.message)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every 0: has to be a whole number of at least 1"),
        ({"maps_every": 1.5}, "maps_every 1.5: has to be a whole number"),
        ({"scores": ["nr_precison"]}, "unknown score 'nr_precison'.*did you mean 'nr_precision'"),
        ({"properties": ["hue"]}, "unknown property 'hue'.*valid: car_model, paint_hue"),
        ({"class_property": "make"}, "unknown property 'make'"),
        ({"method": "gradcam"}, "did you mean 'grad_cam'"),
        ({"loss": "triplets"}, "triplets"),
        ({"properties": "paint_hue"}, "properties 'paint_hue': has to be a list of names"),
        ({"scores": (), "class_scores": ()}, "ask for nothing"),
        ({"preprocessing": "imagenet"}, "str is not known; valid: "),
        ({"input_size": 0}, "input_size 0 is not valid"),
        ({"samples": 0}, "samples 0"),
        ({"images": 1}, "no property can be scored among 1 images; valid: "),
        ({"images": 2, "properties": ["car_model"]}, "property 'car_model' among 2 images: "),
    ],
)
def test_an_option_that_is_not_valid_is_refused_before_anything_runs(shapes, options, message):
    with pytest.raises(InputError, match=message) as refused:
        monitored(shapes, **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("resnet18", "str 'resnet18': cannot be monitored; valid: a module that maps images"),
        (nn.Linear(3, 3), "Linear: the model fails on images "),
        (nn.Conv2d(3, 2, 3), r"Conv2d: returns \[24, 2, 30, 30\] for 24 images"),
    ],
)
def test_what_cannot_be_measured_is_named(shapes, network, message):
    with pytest.raises(ModelError, match=message):
        monitored(shapes)(network)


def test_an_embedding_without_a_direction_gives_no_scores_and_ends_no_training(network, shapes):
    monitor = monitored(shapes)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    with pytest.warns(UserWarning, match="step 0: 24 of 24 embeddings are zero"):
        scores = monitor(network)
    assert all(map(math.isnan, scores.values()))
    assert len(monitor.history) == 1


def test_a_training_that_diverged_is_named_and_adds_nothing_to_the_history(network, shapes):
    monitor = monitored(shapes)
    nn.init.constant_(network[0].weight, float("nan"))
    with pytest.raises(ModelError, match="the embeddings of 24 of 24 images are not finite"):
        monitor(network)
    assert monitor.history == []
    assert all(module.training for module in network.modules())
