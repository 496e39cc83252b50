"""Whether maps are faithful: known answers of deletion, insertion, localization, randomization."""

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from dmlbench.evaluation.faithfulness_step import _next_variants
from dmlbench.losses import euclidean
from dmlbench.maps import changed_pixels, localization, pearson
from dmlbench.models import LoadedModel, Preprocessing, load_model
from dmlbench.results import load_result
from dmlbench.results.means import plain_mean
from dmlbench.saliency import (
    METHODS,
    MapSettings,
    deletion,
    insertion,
    randomization_stages,
    randomized_copies,
    randomized_maps,
    run_method,
    saliency_maps,
)
from dmldata.common.errors import ModelError

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

SIDE = 32
PATCH = (slice(8, 17), slice(10, 21))
"""Less than a tenth of the pixels: one step of deletion."""


class PatchNetwork(nn.Module):
    """A convolutional network that sees the pixels of PATCH alone."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Softplus(), nn.Conv2d(8, 8, 3))
        self.embedder = nn.Linear(8, 4)

    def forward(self, x):
        patch = x[..., PATCH[0], PATCH[1]]
        return self.embedder(self.features(patch).abs().mean((2, 3)))


@pytest.fixture(scope="module")
def images():
    """24 images of noise, [24, 3, SIDE, SIDE]."""
    return torch.rand(24, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 5)
    ).eval()


def reference_of(model):
    with torch.no_grad():
        return model(torch.zeros(1, 3, SIDE, SIDE))


def keys_of(images):
    return [str(number) for number in range(len(images))]


def random_maps(images):
    return torch.rand(len(images), SIDE, SIDE, generator=torch.Generator().manual_seed(9))


def plain_area(model, image, saliency, reference, key, *, revealed):
    """Delete or reveal pixel by pixel, in Python."""
    from dmlbench.saliency.noise import noise_generator

    blurred = np.stack([gaussian_filter(channel, 1.0) for channel in image.numpy()])
    shuffled = torch.randperm(SIDE * SIDE, generator=noise_generator(0, key)).tolist()
    by_map = sorted(shuffled, key=lambda pixel: -float(saliency.flatten()[pixel]))
    with torch.no_grad():
        whole = float(euclidean(model(image[None]), reference))
        curves = []
        for order in (by_map, shuffled):
            changes = []
            for step in range(11):
                mixed = blurred.copy() if revealed else image.numpy().copy()
                for pixel in order[: round(SIDE * SIDE * step / 10)]:
                    row, column = divmod(pixel, SIDE)
                    source = image.numpy() if revealed else blurred
                    mixed[:, row, column] = source[:, row, column]
                distance = float(euclidean(model(torch.from_numpy(mixed)[None]), reference))
                changes.append(abs(distance - whole))
            curves.append(changes)
    largest = max(map(max, curves))
    areas = [
        sum((a + b) / 2 for a, b in itertools.pairwise(changes)) / 10 / largest
        for changes in curves
    ]
    return areas[0] - areas[1]


def test_areas_agree_with_a_plain_loop_over_pixels(network, images):
    few, maps = images[:2], random_maps(images[:2]).round(decimals=1)
    reference = reference_of(network)
    for measure, revealed in ((deletion, False), (insertion, True)):
        areas = measure(network, few, maps, reference, euclidean, keys=["a", "b"])
        expected = [
            plain_area(network, image, saliency, reference, key, revealed=revealed)
            for image, saliency, key in zip(few, maps, "ab", strict=True)
        ]
        np.testing.assert_allclose(areas, expected, atol=2e-5)


def test_no_method_beats_the_pixels_that_an_intervention_changed(images):
    model, few = PatchNetwork().eval(), images[:3]
    variants = few.clone()
    variants[..., PATCH[0], PATCH[1]] = 1 - variants[..., PATCH[0], PATCH[1]].round()
    oracle = torch.from_numpy(
        np.stack([changed_pixels(a, b) for a, b in zip(few, variants, strict=True)])
    ).float()
    reference, black = reference_of(model), torch.zeros(1, 3, SIDE, SIDE)

    def means(maps):
        measures = (deletion, insertion)
        return [float(f(model, few, maps, reference, euclidean).mean()) for f in measures]

    of_oracle = means(oracle)
    assert of_oracle[0] > 0.1
    assert of_oracle[1] < -0.1
    for name in METHODS:
        given = {"keys": keys_of(few), "black": black, "samples": 2}
        maps = run_method(name, model, few, reference, euclidean, **given)
        of_method = means(maps)
        assert of_method[0] <= of_oracle[0] + 1e-6, name
        assert of_method[1] >= of_oracle[1] - 1e-6, name
        assert localization(maps[0], oracle[0]) > 0.6, name


@pytest.mark.parametrize("measure", [deletion, insertion])
def test_random_maps_score_nothing(measure, network, images):
    areas = measure(network, images, random_maps(images), reference_of(network), euclidean)
    low, high = plain_mean(areas, None, np.random.default_rng(0)).ci95
    assert low < 0 < high
    assert high - low < 0.2


@pytest.mark.parametrize("measure", [deletion, insertion])
def test_a_map_without_differences_is_the_random_order(measure, network, images):
    maps = torch.ones(2, SIDE, SIDE)
    areas = measure(network, images[:2], maps, reference_of(network), euclidean)
    assert areas.tolist() == [0, 0]


def test_a_model_that_blurring_does_not_change_has_no_area(images):
    def constant(x):
        return torch.ones(len(x), 3)

    areas = deletion(constant, images[:2], random_maps(images[:2]), torch.eye(3)[:1], euclidean)
    assert areas.isnan().all()


def test_an_image_scores_the_same_in_any_batch(network, images):
    maps, reference = random_maps(images), reference_of(network)
    together = deletion(network, images, maps, reference, euclidean, keys=keys_of(images))
    alone = deletion(network, images[5:6], maps[5:6], reference, euclidean, keys=["5"], chunk=1)
    np.testing.assert_allclose(together[5], alone[0], atol=1e-5)


def test_localization_counts_pairs_of_pixels():
    rng = np.random.default_rng(0)
    saliency, changed = rng.integers(0, 5, (6, 7)), rng.random((6, 7)) < 0.3
    pairs = [
        float(inside > outside) + (inside == outside) / 2
        for inside in saliency[changed]
        for outside in saliency[~changed]
    ]
    assert localization(saliency, changed) == pytest.approx(np.mean(pairs))
    assert localization(saliency, np.ones((6, 7))) is None
    with pytest.raises(ValueError, match="changed pixels of shape"):
        localization(saliency, changed[:5])


def test_a_variant_is_another_image_of_the_scene():
    assert _next_variants("abcd", [7, 8, 7, 7]) == {"a": "c", "c": "d", "d": "a", "b": "b"}


def loaded(network):
    return LoadedModel(network, Preprocessing((SIDE, SIDE), (SIDE, SIDE)), id="network")


@pytest.fixture(scope="module")
def pictures(images):
    from PIL import Image

    return [
        Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
        for image in images[:4]
    ]


def edges(model, images, reference, distance):
    """A map that does not depend on the model."""
    return images.mean(dim=1).diff(dim=2, append=images.new_zeros(len(images), SIDE, 1)).abs()


def test_randomized_weights_change_maps_of_the_model_alone(network, pictures, monkeypatch):
    monkeypatch.setitem(METHODS, "edges", lambda *given, keys: edges(*given))
    before, keys = copy.deepcopy(network.state_dict()), keys_of(pictures)
    last = {}
    for method in ("edges", "gradient"):
        settings = MapSettings(method=method)
        maps = saliency_maps(loaded(network), pictures, keys, settings=settings)
        randomized = randomized_maps(loaded(network), pictures, keys, settings)
        assert randomized.maps.shape == (3, 4, SIDE, SIDE)
        last[method] = pearson(maps, randomized.maps[-1]).mean()
    assert last["edges"] == pytest.approx(1)
    assert abs(last["gradient"]) < 0.3
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_layers_are_randomized_from_the_top_down(network):
    stages = randomization_stages(network)
    assert [(stage.layers, stage.lowest) for stage in stages] == [(1, "4"), (2, "1"), (3, "0")]
    changed = [
        [name for name, value in copied.state_dict().items() if name.endswith("weight")
         and not torch.equal(value, network.state_dict()[name])]
        for copied in randomized_copies(network, 0)
    ]  # fmt: skip
    assert changed == [["4.weight"], ["4.weight"], ["0.weight", "4.weight"]]


@pytest.mark.parametrize("convert", [torch.jit.script, lambda network: network])
def test_copies_depend_on_the_seed_and_the_names_of_tensors_alone(convert, network, images):
    def last(model, seed):
        with torch.no_grad():
            return [copied(images[:2]) for copied in randomized_copies(model, seed)][-1]

    assert torch.allclose(last(convert(network), 3), last(network, 3), atol=1e-5)
    assert not torch.allclose(last(network, 4), last(network, 3))


def test_models_whose_weights_cannot_be_drawn_say_so(network, pictures):
    frozen = torch.jit.freeze(torch.jit.script(network))
    for model, reason in ((frozen, "holds no parameters"), (lambda x: x, "is a function")):
        with pytest.raises(ModelError, match=reason):
            randomized_maps(loaded(model), pictures, keys_of(pictures), MapSettings())

    class Deaf(nn.Module):
        """Its weights are those of another network, which it hides."""

        def __init__(self):
            super().__init__()
            self.unused, self.hidden = nn.Linear(2, 2), [network]

        def forward(self, x):
            return self.hidden[0](x)

        def __deepcopy__(self, memo):
            return Deaf()

    settings = MapSettings(method="gradient")
    with pytest.raises(ModelError, match="do not change with the model's parameters"):
        randomized_maps(loaded(Deaf().eval()), pictures, keys_of(pictures), settings)


@pytest.fixture
def evaluate(dmlbench, models, tmp_path):
    def call(data, *options):
        given = ["--data", data, "--out", tmp_path / "out", "--maps", 6, "--method", "gradient"]
        quick = ["--no-chance", "--no-intervals"]
        answer = dmlbench("evaluate", models["small"], *given, *quick, *options)
        assert answer.exit_code == 0, answer.err
        (folder,) = (tmp_path / "out").glob("*/*")
        return answer.out, load_result(folder).saliency.faithfulness

    return call


def test_evaluate_checks_some_of_the_maps_and_reuses_the_answer(evaluate, shapes):
    few = evaluate(shapes)[1]
    assert (few.request.images, few.request.randomized, few.stages) == (4, 0, ())
    assert few.not_randomized == "only 4 maps are checked, and 5 are needed"
    out, measured = evaluate(shapes, "--faithfulness", 6)
    assert "faithfulness of the maps: deletion" in out
    assert (measured.request.images, measured.request.randomized) == (6, 1)
    assert measured.deletion.images == measured.insertion.images == 6
    assert measured.localization.reason == "only a sweep tells which pixels change"
    assert [stage.layers for stage in measured.stages] == [1, 2]
    assert "faithfulness of maps: reused" in evaluate(shapes, "--faithfulness", 20)[0]
    assert evaluate(shapes, "--faithfulness", 0)[1] == measured
    assert evaluate(shapes, "--faithfulness", 2)[1].deletion.images == 2


def test_evaluate_measures_localization_on_sweeps(evaluate, write, rows, tmp_path):
    sweep = write(
        tmp_path / "sweep", rows(scene_of=lambda n: n // 3), design="sweep", sweep_group="color"
    )
    _, measured = evaluate(sweep, "--maps", 9)
    assert measured.localization.images + measured.localization.left_out == 9
    assert 0 <= measured.localization.value <= 1


def test_faithfulness_can_be_turned_off(evaluate, shapes):
    assert evaluate(shapes, "--faithfulness", 0)[1] is None


def test_exported_models_are_randomized_too(models):
    assert randomization_stages(load_model(str(models["small"])).model)
