"""Networks of timm: seeds, weights files, and what is refused."""

import pytest
import torch

from dmlbench.models import load_model
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmldata.common.errors import ModelError, UnknownNameError


def same_weights(a, b):
    pairs = zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_random_timm_model_depends_on_its_seed_alone(name):
    zero = load_model(f"timm:{name}?pretrained=false&seed=0")
    torch.rand(3)
    again, seed_one = (
        load_model(f"timm:{name}?pretrained=false"),
        load_model(f"timm:{name}?pretrained=false", seed=1),
    )
    assert same_weights(zero, again)
    assert zero.id == again.id
    assert not same_weights(zero, seed_one)
    assert zero.id != seed_one.id
    assert zero.preprocessing.input_size == (160, 160)
    assert zero.preprocessing.resize == (168, 168)
    assert zero.preprocessing.interpolation == "bicubic"


def test_loading_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    load_model("timm:test_resnet?pretrained=false", seed=5)
    assert torch.equal(before, torch.get_rng_state())


def test_transformer_is_built_for_another_input_size():
    loaded = load_model("timm:test_vit?pretrained=false", input_size=96)
    assert loaded.preprocessing.input_size == (96, 96)


def test_weights_load_by_name_from_pth_and_safetensors(tmp_path):
    from safetensors.torch import save_file

    first = load_model("timm:test_resnet?pretrained=false&seed=3")
    torch.save({"state_dict": first.model.state_dict()}, tmp_path / "a.pth")
    save_file(first.model.state_dict(), tmp_path / "a.safetensors")
    for file in ("a.pth", "a.safetensors"):
        loaded = load_model(f"timm:test_resnet?weights={tmp_path / file}")
        assert same_weights(loaded, first)
        assert loaded.id == first.id


def test_what_lies_beside_the_network_in_a_checkpoint_is_left_out_with_a_note(tmp_path):
    first = load_model("timm:test_resnet?pretrained=false&seed=3")
    state = {f"model.{name}": tensor for name, tensor in first.model.state_dict().items()}
    torch.save({"state_dict": state | {"criterion.W": torch.zeros(9, 5)}}, tmp_path / "a.ckpt")
    loaded = load_model(f"timm:test_resnet?weights={tmp_path / 'a.ckpt'}")
    assert same_weights(loaded, first)
    assert "left out of a.ckpt, as beside the network: 'criterion.W'" in loaded.notes


def test_a_trained_head_is_measured_or_dropped_as_the_reference_says(tmp_path):
    ensure_torchvision_imports()
    import timm

    network = timm.create_model("test_resnet", num_classes=7).eval()
    whole = network.state_dict()
    torch.save(whole, tmp_path / "seven.pth")
    reference = f"timm:test_resnet?weights={tmp_path / 'seven.pth'}"
    with pytest.raises(ModelError, match=r"head '(fc|head.fc)' with 7 outputs; \?head=keep meas"):
        load_model(reference)
    dropped = load_model(f"{reference}&head=drop")
    state = dropped.model.state_dict()
    assert state.keys() < whole.keys()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in state.items())
    with_head = load_model(f"{reference}&head=keep")
    assert (with_head.dimensions, dropped.dimensions > 7) == (7, True)
    images = torch.rand(2, 3, 160, 160)
    with torch.no_grad():
        torch.testing.assert_close(with_head.model(images), network(images))


def test_the_classifier_of_the_library_is_left_out_with_a_note(tmp_path):
    ensure_torchvision_imports()
    import timm

    network = timm.create_model("test_resnet", num_classes=1000)
    torch.save(network.state_dict(), tmp_path / "imagenet.pth")
    loaded = load_model(f"timm:test_resnet?weights={tmp_path / 'imagenet.pth'}")
    assert loaded.dimensions != 1000
    assert "the classifier of 1000 classes in imagenet.pth is left out" in loaded.notes


def test_tensors_that_a_network_does_not_use_are_named(tmp_path):
    body = load_model("timm:test_resnet?pretrained=false").model.state_dict()
    torch.save(body | {"loss.proxies": torch.zeros(3, 4)}, tmp_path / "more.pth")
    reference = f"timm:test_resnet?weights={tmp_path / 'more.pth'}"
    with pytest.raises(ModelError, match=r"'loss\.proxies'.*\?head=drop"):
        load_model(reference)
    assert same_weights(
        load_model(f"{reference}&head=drop"), load_model("timm:test_resnet?pretrained=false")
    )


def test_weights_of_another_network_are_refused_with_what_differs(tmp_path):
    vit_state = load_model("timm:test_vit?pretrained=false").model.state_dict()
    torch.save(vit_state, tmp_path / "vit.pth")
    with pytest.raises(ModelError, match=r"'vit.pth' do not fit: .*missing.*not in the model"):
        load_model(f"timm:test_resnet?weights={tmp_path / 'vit.pth'}")


def test_weights_that_are_a_pickled_object_are_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(ModelError, match="not a file of tensors"):
        load_model(f"timm:test_resnet?weights={tmp_path / 'model.pth'}")


@pytest.mark.parametrize("location", ["nowhere.pth", "package:no_such_package", "package:PIL"])
def test_weights_that_cannot_be_found_are_named(location):
    with pytest.raises(ModelError, match=location):
        load_model(f"timm:test_resnet?weights={location}")


def test_unknown_timm_model_suggests_a_few():
    with pytest.raises(ModelError, match=r"unknown timm model 'resnet5O'.*resnet50") as caught:
        load_model("timm:resnet5O")
    assert len(str(caught.value)) < 200


def test_unknown_option_and_tag_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'pretrained'"):
        load_model("timm:test_resnet?pretraned=false")
    with pytest.raises(UnknownNameError, match="unknown weights tag 'nope'"):
        load_model("timm:test_resnet.nope")
    with pytest.raises(ModelError, match="valid: true, false"):
        load_model("timm:test_resnet?pretrained=no")


def test_pretrained_weights_that_cannot_be_had_name_the_ways_out(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"cannot be loaded .*timm:test_resnet\?weights=FILE"):
        load_model("timm:test_resnet")
