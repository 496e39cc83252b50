"""Models as other libraries save them: each loads by one reference and embeds as it does there."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dmlbench.models import load_model
from dmlbench.models.preprocessing_of import preprocessing_from
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.models.weights import match_weights
from dmldata.common.errors import InputError, ModelError

ensure_torchvision_imports()
torch.manual_seed(0)


def embedded(loaded, images):
    with torch.no_grad():
        return loaded.model(images.clone())


def images_for(loaded, count=2):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, *loaded.preprocessing.input_size, generator=generator)


def assert_embeds_as(loaded, function):
    images = images_for(loaded)
    with torch.no_grad():
        expected = function(images)
    torch.testing.assert_close(embedded(loaded, images), expected, rtol=1e-4, atol=1e-5)


# timm and torchvision: weights as training loops write them


@pytest.fixture(scope="module")
def network():
    import timm

    return timm.create_model("test_resnet", num_classes=0).eval()


WRAPPED = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "lightning": lambda state: {
        "state_dict": {f"model.{name}": value for name, value in state.items()},
        "pytorch-lightning_version": "2.6.0",
        "callbacks": {},
    },
    "data parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled": lambda state: {f"_orig_mod.{name}": value for name, value in state.items()},
    "nested prefixes": lambda state: {
        f"module.backbone.{name}": value for name, value in state.items()
    },
    "timm's train.py": lambda state: {
        "epoch": 1,
        "arch": "test_resnet",
        "state_dict": state,
        "args": argparse.Namespace(lr=0.1, model="test_resnet"),
        "metric": np.float64(71.2),
    },
}


@pytest.mark.parametrize("layout", WRAPPED)
def test_a_checkpoint_loads_however_a_training_loop_wrote_it(network, tmp_path, layout):
    torch.save(WRAPPED[layout](network.state_dict()), tmp_path / "c.ckpt")
    loaded = load_model(f"timm:test_resnet?weights={tmp_path / 'c.ckpt'}")
    assert_embeds_as(loaded, network)


def test_of_two_state_dicts_the_one_that_is_taken_is_said_and_key_chooses(network, tmp_path):
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(9)
        averaged = timm.create_model("test_resnet", num_classes=0).eval()
    content = {"state_dict": network.state_dict(), "state_dict_ema": averaged.state_dict()}
    torch.save(content, tmp_path / "c.pth")
    reference = f"timm:test_resnet?weights={tmp_path / 'c.pth'}"
    loaded = load_model(reference)
    assert "c.pth: 'state_dict' is taken; ?key=state_dict_ema takes the averaged weights" in (
        loaded.notes
    )
    assert_embeds_as(loaded, network)
    assert_embeds_as(load_model(f"{reference}&key=state_dict_ema"), averaged)
    with pytest.raises(ModelError, match="no state dict under key=ema; valid: state_dict, state_d"):
        load_model(f"{reference}&key=ema")


def test_what_no_reader_allows_is_named_with_the_lines_that_strip_it(network, tmp_path):
    torch.save({"state_dict": network.state_dict(), "loss": nn.Linear(1, 1)}, tmp_path / "c.pth")
    with pytest.raises(
        ModelError, match=r"holds a torch\.nn\.modules\.linear\.Linear.*strip it in"
    ):
        load_model(f"timm:test_resnet?weights={tmp_path / 'c.pth'}")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "is a Git-LFS pointer"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (b"", "is empty"),
    ],
)
@pytest.mark.parametrize("reference", ["timm:test_resnet?weights={}", "{}"])
def test_files_that_are_no_weights_at_all_are_told_as_what_they_are(
    tmp_path, start, what, reference
):
    (tmp_path / "w.pt").write_bytes(start)
    with pytest.raises(ModelError, match=what):
        load_model(reference.format(tmp_path / "w.pt"))


@pytest.mark.parametrize("names", [("weight", "bias"), ("net.0.weight", "net.0.bias")])
def test_trunk_and_embedder_saved_apart_are_one_model(network, tmp_path, names):
    """As the trainers of pytorch-metric-learning leave them."""
    embedder = nn.Linear(network.num_features, 16)
    torch.save(network.state_dict(), tmp_path / "trunk_best5.pth")
    state = dict(zip(names, embedder.state_dict().values(), strict=True))
    torch.save(state, tmp_path / "embedder_best5.pth")
    loaded = load_model(
        f"timm:test_resnet?weights={tmp_path}/trunk_best5.pth&embedder={tmp_path}/embedder_best5.pth"
    )
    assert loaded.dimensions == 16
    assert_embeds_as(loaded, lambda images: embedder(network(images)))


def test_torchvision_gives_what_its_classifier_takes(tmp_path):
    import torchvision

    net = torchvision.models.shufflenet_v2_x0_5(num_classes=1000).eval()
    torch.save(net.state_dict(), tmp_path / "w.pth")
    loaded = load_model(f"torchvision:shufflenet_v2_x0_5?weights={tmp_path / 'w.pth'}")
    assert loaded.dimensions == 1024
    assert loaded.preprocessing.resize == (256, 256)
    net.fc = nn.Identity()
    assert_embeds_as(loaded, net)


def test_torchvision_with_a_trained_head(tmp_path):
    import torchvision

    net = torchvision.models.shufflenet_v2_x0_5(num_classes=12).eval()
    torch.save({"state_dict": net.state_dict()}, tmp_path / "w.pth")
    reference = f"torchvision:shufflenet_v2_x0_5?weights={tmp_path / 'w.pth'}"
    with pytest.raises(ModelError, match=r"hold a head 'fc' with 12 outputs; \?head=keep"):
        load_model(reference)
    assert_embeds_as(load_model(f"{reference}&head=keep"), net)
    assert load_model(f"{reference}&head=drop").dimensions == 1024


# Contents, not suffixes


def test_a_torchscript_file_may_have_any_name(network, tmp_path):
    torch.jit.trace(network, torch.zeros(2, 3, 160, 160)).save(str(tmp_path / "model.pth"))
    assert_embeds_as(load_model(str(tmp_path / "model.pth"), input_size=160), network)


def test_a_state_dict_in_place_of_a_model_says_what_to_type(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "model.pt")
    with pytest.raises(
        ModelError, match=r"holds the weights of a network \(\d+ tensors.*timm:NAME\?"
    ):
        load_model(str(tmp_path / "model.pt"))


def test_a_pickled_module_of_the_users_own_class_loads_where_it_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x): return x.mean((2, 3))\n"
        "if __name__ == '__main__': torch.save(Net(), 'net.pt')\n"
    )
    monkeypatch.chdir(tmp_path)
    import subprocess
    import sys

    make = "import mynet, torch; torch.save(mynet.Net(), 'net.pt')"
    subprocess.run([sys.executable, "-c", make], check=True, cwd=tmp_path)
    with pytest.raises(ModelError, match="add --trust-pickle"):
        load_model("net.pt")
    assert load_model("net.pt", trust_pickle=True).dimensions == 3


def test_home_is_where_the_shell_says(network, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(network.state_dict(), tmp_path / "w.pth")
    np.save(tmp_path / "e.npy", np.eye(3, dtype=np.float32))
    assert load_model("timm:test_resnet?weights=~/w.pth").dimensions == network.num_features
    assert load_model("embeddings:~/e.npy").dimensions == 3


def test_tensors_that_swap_weight_and_bias_do_not_fit_by_their_order(network):
    state = network.state_dict()
    renamed = {f"other.{name}": value for name, value in state.items()}
    assert match_weights(state, renamed).keys() == state.keys()
    first = next(name for name in state if name.endswith("bn1.weight"))
    swapped = {
        {first: "x.beta", first.replace("weight", "bias"): "x.gamma"}.get(name, name): value
        for name, value in state.items()
    }
    assert match_weights(state, swapped) is None


def test_a_trace_of_one_size_of_batch_is_taken_with_that_size(tmp_path):
    class Fixed(nn.Module):
        def forward(self, images):
            return images[:, :, ::4, ::4].reshape(4, -1)

    traced = torch.jit.trace(Fixed(), torch.zeros(4, 3, 32, 32))
    traced.save(str(tmp_path / "m.pt"))
    loaded = load_model(str(tmp_path / "m.pt"), input_size=32)
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.model(images), images[:, :, ::4, ::4].reshape(3, -1))


def test_a_file_of_googlenet_sees_the_input_that_torchvision_makes(tmp_path):
    ensure_torchvision_imports()
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    own = models.googlenet(weights=None, init_weights=False, transform_input=True).train()
    with torch.no_grad():  # Statistics of real batches, so that features differ by their input.
        for _ in range(3):
            own(torch.rand(4, 3, 96, 96))
    own.eval()
    torch.save(own.state_dict(), tmp_path / "w.pth")
    loaded = load_model(f"torchvision:googlenet?weights={tmp_path / 'w.pth'}")
    own.fc = nn.Identity()
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = own(images)
        own.transform_input = False
        difference = (own(images) - expected).abs().max()
        assert (loaded.model(images) - expected).abs().max() < 1e-3 * difference


# transformers


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


def save(model, folder, **preprocessing):
    model.eval().save_pretrained(folder)
    config = {
        "do_resize": True,
        "do_normalize": True,
        "do_rescale": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.2, 0.2, 0.2],
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(config | preprocessing))
    return f"hf:{folder}"


SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}


def test_a_vit_is_pooled_as_its_weights_allow(transformers, tmp_path):
    config = transformers.ViTConfig(**SMALL)
    size = {"size": {"height": 32, "width": 32}}
    with_pooler = transformers.ViTModel(config)
    loaded = load_model(save(with_pooler, tmp_path / "a", **size))
    assert "pooling: pooler" in loaded.notes
    assert (loaded.preprocessing.input_size, loaded.preprocessing.fit) == ((32, 32), "squash")
    assert loaded.preprocessing.interpolation == "bicubic"
    assert_embeds_as(loaded, lambda images: with_pooler(pixel_values=images).pooler_output)
    # A classifier's checkpoint holds no pooler: a random one would be measured.
    classifier = transformers.ViTForImageClassification(config)
    reference = save(classifier, tmp_path / "b", **size)
    loaded = load_model(reference)
    assert "pooling: cls" in loaded.notes
    assert_embeds_as(
        loaded, lambda images: classifier.vit(pixel_values=images).last_hidden_state[:, 0]
    )
    with pytest.raises(ModelError, match="a folder has no revisions; valid: revision with hf:"):
        load_model(f"{reference}?revision=v2")
    mean = load_model(f"{reference}?pool=mean")
    assert_embeds_as(
        mean, lambda images: classifier.vit(pixel_values=images).last_hidden_state.mean(1)
    )
    with pytest.raises(ModelError, match="its weights lack the pooler"):
        load_model(f"{reference}?pool=pooler")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ViTImageProcessor", {}),
        ("CLIPImageProcessor", {}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}}),
        ("DeiTImageProcessor", {}),
        ("EfficientNetImageProcessor", {"size": {"height": 64, "width": 64}}),
        ("FlavaImageProcessor", {}),
        ("LevitImageProcessor", {}),
        ("MobileViTImageProcessor", {"size": {"shortest_edge": 288}}),
        ("PoolFormerImageProcessor", {}),
    ],
)
def test_pixels_are_those_of_the_processor(transformers, name, options):
    ensure_torchvision_imports()
    processor = getattr(transformers, name)(**options)
    preprocessing = preprocessing_from(processor)
    picture = Image.effect_noise((400, 300), 80).convert("RGB").resize((390, 280))
    expected = torch.as_tensor(processor(picture, return_tensors="pt")["pixel_values"][0])
    ours = preprocessing.to_tensor(picture)
    assert ours.shape == expected.shape
    assert float((ours - expected).abs().mean()) < 0.05


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"image_processor_type": "ViTImageProcessor"}, ((224, 224), (224, 224), "squash")),
        (
            {"feature_extractor_type": "DeiTFeatureExtractor", "size": 256, "crop_size": 224},
            ((224, 224), (256, 256), "squash"),
        ),
        (
            {"feature_extractor_type": "LevitFeatureExtractor", "size": 224},
            ((224, 224), (256, 256), "cover"),
        ),
    ],
)
def test_a_file_is_read_with_the_defaults_of_its_processor(
    transformers, tmp_path, config, expected
):
    ensure_torchvision_imports()
    model = transformers.ViTModel(transformers.ViTConfig(**SMALL | {"image_size": 224}))
    model.eval().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    made = load_model(f"hf:{tmp_path}").preprocessing
    assert (made.input_size, made.resize, made.fit) == expected


def test_a_network_without_a_first_token_is_not_pooled_by_it(transformers, tmp_path):
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic"
    )
    reference = save(transformers.ResNetModel(config), tmp_path / "a")
    assert load_model(f"{reference}?pool=mean", input_size=32).dimensions == 8
    with pytest.raises(ModelError, match="no first token; valid: \\?pool=mean"):
        load_model(f"{reference}?pool=cls", input_size=32)


def test_code_of_a_folder_is_not_run(transformers, tmp_path):
    ensure_torchvision_imports()
    model = transformers.ViTModel(transformers.ViTConfig(**SMALL))
    kind = {"image_processor_type": "P", "auto_map": {"AutoImageProcessor": "evil.P"}}
    reference = save(model, tmp_path / "a", size={"height": 32, "width": 32}, **kind)
    (tmp_path / "a/evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "not compared with its processor" in load_model(reference).notes[0]
    assert not (tmp_path / "ran").exists()


def test_a_processor_without_a_counterpart_is_refused(transformers, tmp_path):
    ensure_torchvision_imports()
    message = "what PerceiverImageProcessor does has no counterpart; valid: a function of Python"
    with pytest.raises(ModelError, match=message):
        preprocessing_from(transformers.PerceiverImageProcessor())
    model = transformers.ViTModel(transformers.ViTConfig(**SMALL))
    kind = {"image_processor_type": "PerceiverImageProcessor", "crop_size": 32}
    reference = save(model, tmp_path / "a", size={"height": 32, "width": 32}, **kind)
    with pytest.raises(ModelError, match=message):
        load_model(reference)


def test_dinov2_brings_its_crop(transformers, tmp_path):
    config = transformers.Dinov2Config(**{**SMALL, "mlp_ratio": 1})
    net = transformers.Dinov2Model(config)
    reference = save(
        net,
        tmp_path,
        size={"shortest_edge": 40},
        crop_size={"height": 32, "width": 32},
        do_center_crop=True,
    )
    loaded = load_model(reference)
    assert (loaded.preprocessing.input_size, loaded.preprocessing.resize) == ((32, 32), (40, 40))
    assert_embeds_as(loaded, lambda images: net(pixel_values=images).pooler_output)


def clip(transformers, folder):
    vision = {**SMALL, "projection_dim": 24}
    text = {**SMALL, "vocab_size": 50, "max_position_embeddings": 8, "projection_dim": 24}
    text = {name: value for name, value in text.items() if name not in ("image_size", "patch_size")}
    net = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    )
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    save(net, folder, **size, do_center_crop=True)

    def embed(images):
        return net.visual_projection(net.vision_model(pixel_values=images).pooler_output)

    return embed


def test_of_clip_the_projected_image_is_measured(transformers, tmp_path):
    embed = clip(transformers, tmp_path)
    loaded = load_model(f"hf:{tmp_path}")
    assert loaded.dimensions == 24
    assert_embeds_as(loaded, embed)


def test_a_folder_of_sentence_transformers_is_its_model(transformers, tmp_path):
    (tmp_path / "0_CLIPModel").mkdir()
    embed = clip(transformers, tmp_path / "0_CLIPModel")
    modules = [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.CLIP"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert_embeds_as(load_model(f"hf:{tmp_path}"), embed)


def test_a_folder_without_a_vision_model_says_so(transformers, tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json of transformers"):
        load_model(f"hf:{tmp_path}")
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelError, match="BertModel takes input_ids, not images"):
        load_model(f"hf:{tmp_path / 'bert'}")
    with pytest.raises(InputError, match=r"unknown pool .max. in .*; valid: pooler, cls, mean"):
        load_model(f"hf:{tmp_path}?pool=max")


# open_clip


def test_open_clip_gives_its_image_side(tmp_path):
    open_clip = pytest.importorskip("open_clip")
    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8}
    text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "tiny-clip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-clip.json")
    net = open_clip.create_model("tiny-clip").eval()
    torch.save(net.state_dict(), tmp_path / "w.pt")
    loaded = load_model(f"open_clip:tiny-clip?pretrained={tmp_path / 'w.pt'}")
    assert loaded.preprocessing.input_size == (32, 32)
    assert_embeds_as(loaded, net.encode_image)
    with pytest.raises(InputError, match="unknown weights 'nope'"):
        load_model("open_clip:tiny-clip?pretrained=nope")
    with pytest.raises(
        InputError, match="unknown open_clip model 'ViT-B-33'; close to it: ViT-B-32"
    ):
        load_model("open_clip:ViT-B-33")
