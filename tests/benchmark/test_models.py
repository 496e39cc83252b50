"""The model contract, and models from TorchScript files."""

import json

import pytest
import torch
from torch import nn

from dmlbench.models import Preprocessing, load_model, save_torchscript
from dmldata.common.errors import ModelError, UnknownNameError

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

SMALL = Preprocessing(input_size=16, resize=16, mean=(0, 0, 0), std=(1, 1, 1))
FLAGS = {"input_size": 16, "mean": (0, 0, 0), "std": (1, 1, 1)}


class TinyNet(nn.Module):
    def __init__(self, dimensions=4):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, dimensions)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


class FeatureMap(nn.Module):
    def forward(self, x):
        return x.mean(1, keepdim=True)


class NotFinite(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)) / 0 * 0


@pytest.fixture
def torchscript(tmp_path):
    return save_torchscript(TinyNet(), SMALL, tmp_path / "tiny net.pt", loss="arcface")


# TorchScript


def test_torchscript_brings_its_preprocessing_and_loss(torchscript):
    loaded = load_model(str(torchscript))
    assert loaded.preprocessing == SMALL
    assert (loaded.loss, loaded.distance, loaded.dimensions) == ("arcface", "cosine_similarity", 4)
    assert loaded.notes == ()
    assert loaded.id.startswith("tiny_net-")
    json.dumps(loaded.describe())


def test_flags_override_what_the_file_says(torchscript):
    loaded = load_model(str(torchscript), distance="snr", bgr=True, mean=(0.5, 0.5, 0.5))
    assert loaded.distance == "snr"
    assert loaded.preprocessing.bgr
    assert loaded.preprocessing.mean == (0.5, 0.5, 0.5)
    assert loaded.id != load_model(str(torchscript)).id


def test_sidecar_brings_preprocessing_to_a_plain_archive(tmp_path):
    torch.jit.script(TinyNet().eval()).save(str(tmp_path / "plain.pt"))
    (tmp_path / "plain.json").write_text(json.dumps({"preprocessing": SMALL.describe()}))
    assert load_model(str(tmp_path / "plain.pt")).preprocessing == SMALL


def test_broken_sidecar_is_named(tmp_path):
    torch.jit.script(TinyNet().eval()).save(str(tmp_path / "plain.pt"))
    (tmp_path / "plain.json").write_text('{"preprocessing": {"input_siez": 16}}')
    with pytest.raises(UnknownNameError, match=r"plain\.json.*did you mean 'input_size'"):
        load_model(str(tmp_path / "plain.pt"))


def test_assumed_preprocessing_is_noted(tmp_path):
    torch.jit.script(TinyNet().eval()).save(str(tmp_path / "plain.pt"))
    loaded = load_model(str(tmp_path / "plain.pt"), input_size=32)
    (note,) = loaded.notes
    assert "ImageNet's assumed for mean, std" in note
    assert load_model(str(tmp_path / "plain.pt"), **FLAGS).notes == ()


def test_model_that_cannot_be_scripted_is_traced(tmp_path):
    class Python(TinyNet):
        def forward(self, *images):
            return super().forward(images[0])

    path = save_torchscript(Python(), SMALL, tmp_path / "traced.pt")
    assert load_model(str(path)).dimensions == 4
    assert [file.name for file in tmp_path.iterdir()] == ["traced.pt"]


def test_pickled_model_is_refused_and_says_how_to_allow_it(tmp_path):
    torch.save(TinyNet(), tmp_path / "pickled.pt")
    with pytest.raises(ModelError, match="--trust-pickle"):
        load_model(str(tmp_path / "pickled.pt"), **FLAGS)
    assert load_model(str(tmp_path / "pickled.pt"), **FLAGS, trust_pickle=True).dimensions == 4


def test_pickle_is_not_executed_without_trust(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save(Trap(), tmp_path / "trap.pt")
    with pytest.raises(ModelError):
        load_model(str(tmp_path / "trap.pt"))
    assert not (tmp_path / "sprung").exists()


def test_pickled_weights_are_no_model(tmp_path):
    torch.save(TinyNet().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=r"holds OrderedDict.*timm:NAME\?weights=FILE"):
        load_model(str(tmp_path / "weights.pt"), trust_pickle=True)


# The contract


def test_feature_map_is_refused_with_its_shape(tmp_path):
    path = save_torchscript(FeatureMap(), SMALL, tmp_path / "map.pt")
    with pytest.raises(ModelError, match=r"returns \[1, 1, 16, 16\], expected \[B, D\]"):
        load_model(str(path))


def test_embedding_that_is_not_finite_is_refused(tmp_path):
    path = save_torchscript(NotFinite(), SMALL, tmp_path / "nan.pt")
    with pytest.raises(ModelError, match="not finite"):
        load_model(str(path))


@pytest.mark.parametrize("reference", ["model", "model.bin", "tim:resnet18", ""])
def test_unknown_kind_of_reference_lists_the_kinds(reference):
    with pytest.raises(ModelError, match=r"FILE\.pt .*timm:NAME, .*python:module:function"):
        load_model(reference)


def test_unknown_loss_and_distance_are_refused(torchscript):
    with pytest.raises(UnknownNameError, match="unknown distance 'cosine'"):
        load_model(str(torchscript), distance="cosine")
    with pytest.raises(UnknownNameError, match="unknown loss 'arc'"):
        load_model(str(torchscript), loss="arc")


def test_scale_without_mean_and_std_is_refused(torchscript):
    with pytest.raises(
        ModelError, match="--scale 255: --mean and --std are of another scale; valid: all three"
    ):
        load_model(str(torchscript), scale=255)


def test_saving_leaves_the_mode_of_every_layer(tmp_path):
    """Frozen normalization would be trained on after a checkpoint."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()).train()
    network[1].eval()
    save_torchscript(network, SMALL, tmp_path / "m.pt")
    assert [module.training for module in network.modules()] == [True, True, False, True]
