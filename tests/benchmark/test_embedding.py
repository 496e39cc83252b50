"""Images to embeddings."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import dmlbench
from dmlbench.models import LoadedModel, Preprocessing, load_model
from dmlbench.models.execution import evaluated
from dmldata.common.errors import InputError, ModelError


@pytest.fixture(scope="module")
def loaded():
    return load_model("timm:test_efficientnet?pretrained=false", input_size=64)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)) for _ in range(7)]


def test_embeddings_are_the_models_own_rows(loaded, images):
    embeddings = dmlbench.embed(loaded, iter(images), batch_size=3, device="cpu")
    assert embeddings.shape == (7, loaded.dimensions)
    assert embeddings.dtype == np.float32
    with torch.no_grad():
        alone = loaded.model(loaded.preprocessing.to_tensor(images[4])[None]).numpy()[0]
    np.testing.assert_allclose(embeddings[4], alone, rtol=1e-4, atol=1e-5)


def test_embeddings_do_not_depend_on_batch_size_or_order(loaded, images):
    whole = dmlbench.embed(loaded, images, batch_size=7, device="cpu")
    parts = dmlbench.embed(loaded, images[::-1], batch_size=2, device="cpu")[::-1]
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


def test_model_in_training_mode_is_evaluated_and_left_in_training_mode(images):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(3 * 64, 4)).train()
    loaded = LoadedModel(model, Preprocessing(input_size=8), dimensions=4)
    np.testing.assert_array_equal(dmlbench.embed(loaded, images), dmlbench.embed(loaded, images))
    assert all(module.training for module in model.modules())


def test_progress_counts_every_image(loaded, images):
    counts = []
    dmlbench.embed(loaded, images, batch_size=3, device="cpu", progress=counts.append)
    assert counts == [3, 3, 1]


def test_no_images_give_no_rows(loaded):
    assert dmlbench.embed(loaded, [], device="cpu").shape == (0, loaded.dimensions)


def test_embedding_that_is_not_finite_is_named(images):
    images[5] = Image.new("RGB", (8, 8))
    model = LoadedModel(
        lambda x: 1 / x.amax((2, 3)),
        Preprocessing(input_size=8, mean=(0, 0, 0), std=(1, 1, 1)),
        dimensions=3,
    )
    with pytest.raises(ModelError, match="image 5 is not finite"):
        dmlbench.embed(model, images, batch_size=4, device="cpu")


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_at_least_one_image(loaded, images, size):
    with pytest.raises(InputError, match=f"batch_size {size}; valid: at least 1"):
        dmlbench.embed(loaded, images, batch_size=size, device="cpu")


def test_unusable_device_is_an_error_of_the_user(loaded, images):
    with pytest.raises(InputError, match="device 'gpu' cannot be used"):
        dmlbench.embed(loaded, images, device="gpu")


def test_the_package_imports_without_torch_and_offers_its_functions():
    code = (
        "import sys, dmlbench\n"
        "assert 'torch' not in sys.modules\n"
        "assert callable(dmlbench.embed) and callable(dmlbench.load_model)\n"
        "assert callable(dmlbench.saliency.saliency_maps)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_results_are_compared_reported_and_ranked_without_torch():
    code = (
        "import sys, dmlbench.comparison, dmlbench.present, dmlbench.leaderboard, dmlbench.maps\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Merging(nn.Linear):
    """A layer that merges a second weight into its own in eval mode, as adapters do."""

    def __init__(self):
        super().__init__(6, 4)
        self.extra = nn.Parameter(torch.ones(4, 6))
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if self.merged == mode:
            self.weight.data += self.extra.data * (-1 if mode else 1)
            self.merged = not mode
        return self


def test_layers_that_change_with_the_mode_are_as_they_were_afterwards():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), Merging(), nn.BatchNorm1d(4)).train()
    model[3].eval()
    before = model[2].weight.clone()
    with evaluated(model):
        assert model[2].merged
    assert [module.training for module in model] == [True, True, True, False]
    assert not model[2].merged
    assert torch.allclose(model[2].weight, before)


def test_the_precision_that_a_program_allows_elsewhere_changes_nothing(loaded, images):
    """Lightning advises "medium" or "high", which let products of matrices be rounded."""
    exact = dmlbench.embed(loaded, images, device="cpu")
    torch.set_float32_matmul_precision("medium")
    try:
        assert np.array_equal(dmlbench.embed(loaded, images, device="cpu"), exact)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert np.array_equal(dmlbench.embed(loaded, images, device="cpu"), exact)
        again = load_model("timm:test_efficientnet?pretrained=false", input_size=64)
        assert again.id == loaded.id
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
