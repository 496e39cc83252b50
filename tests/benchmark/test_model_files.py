"""Models from .safetensors, .pt2 and .onnx files."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dmlbench.embedding import embed
from dmlbench.models import (
    EmbeddingNetwork,
    Preprocessing,
    load_model,
    save_safetensors,
    save_torchscript,
)
from dmlbench.models.bn_inception import BNInception
from dmlbench.models.execution import frozen
from dmlbench.models.export import export_model
from dmldata.common.errors import ModelError, UnknownNameError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

SMALL = Preprocessing(input_size=16, resize=16, mean=(0, 0, 0), std=(1, 1, 1))


class TinyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        features = nn.functional.adaptive_avg_pool2d(torch.relu(self.norm(self.conv(x))), 1)
        return self.head(features.flatten(1))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return TinyNet().eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def assert_gives_what(net, loaded, images):
    """Embeddings in any batch, and gradients, of the network that was saved."""
    with torch.no_grad():
        expected = net(images)
        torch.testing.assert_close(loaded.model(images), expected)
        torch.testing.assert_close(loaded.model(images[:1]), expected[:1])
        channels_last = images.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(loaded.model(channels_last), expected)

    with frozen(loaded.model):
        torch.testing.assert_close(gradients(loaded.model, images), gradients(net, images))


def gradients(model, images):
    pixels = images.clone().requires_grad_()
    return torch.autograd.grad(model(pixels).square().sum(), pixels)[0]


# .safetensors


@pytest.fixture
def trained(tmp_path):
    """A trunk of timm with a linear embedder, saved."""
    trunk = load_model("timm:test_resnet?pretrained=false&seed=5").model
    network = EmbeddingNetwork(trunk, nn.Linear(trunk.num_features, 4))
    return save_safetensors(
        network, "timm:test_resnet", SMALL, tmp_path / "m.safetensors", loss="arcface"
    )


def test_safetensors_bring_network_preprocessing_and_loss(trained):
    loaded = load_model(str(trained))
    assert (loaded.preprocessing, loaded.loss, loaded.dimensions) == (SMALL, "arcface", 4)
    assert loaded.distance == "cosine_similarity"
    assert not loaded.model.training
    again = load_model(str(trained))
    assert again.id == loaded.id
    assert torch.equal(again.model.embedder.weight, loaded.model.embedder.weight)


@pytest.mark.parametrize("trunk", ["timm:test_vit", "bn_inception"])
def test_safetensors_of_other_trunks_with_or_without_embedder(trunk, tmp_path):
    network = BNInception() if trunk == "bn_inception" else None
    network = network or load_model(f"{trunk}?pretrained=false", input_size=64).model
    size = Preprocessing(input_size=64)
    path = save_safetensors(EmbeddingNetwork(network), trunk, size, tmp_path / "m.safetensors")
    loaded = load_model(str(path))
    x = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.model(x), network.eval()(x))


def test_sidecar_brings_the_config_to_plain_tensors(trained, tmp_path):
    from safetensors.torch import load_file, save_file

    plain = tmp_path / "plain.safetensors"
    save_file(load_file(trained), plain)
    with pytest.raises(
        ModelError, match=r"no metadata says which network .* plain\.json beside it"
    ):
        load_model(str(plain))
    config = {"trunk": "timm:test_resnet", "preprocessing": SMALL.describe()}
    (tmp_path / "plain.json").write_text(json.dumps(config))
    assert load_model(str(plain)).dimensions == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trunk": "timm:resnet9000"}, r"trunk 'timm:resnet9000': unknown timm model"),
        ({"trunk": "timm:hf-hub:some/model"}, r"unknown timm model 'hf-hub:some/model'"),
        ({"trunk": "resnet50"}, r"unknown trunk 'resnet50'; valid: timm:NAME, bn_inception"),
        ({"trunk": 7}, r"m\.json: trunk 7 is not valid"),
        ({"trunk": "timm:test_vit"}, r"do not fit the trunk timm:test_vit: .* missing"),
        ({"loss": "arc"}, r"unknown loss 'arc'"),
        ({"network": "x"}, r"unknown field 'network' in .*m\.json"),
        ({"preprocessing": None}, r"m\.json: expected an object with 'preprocessing'"),
        ({"preprocessing": {"input_size": 10**9}}, r"m\.json: input_size 1000000000 is not valid"),
        ({"preprocessing": {"mean": ["a", "b", "c"]}}, r"m\.json: mean .* is not valid"),
        ({"preprocessing": {"interpolation": []}}, r"m\.json: a preprocessing field has a wrong"),
    ],
)
def test_config_that_makes_no_sense_is_refused(trained, tmp_path, change, message):
    from safetensors.torch import load_file, save_file

    save_file(load_file(trained), trained)
    config = {"trunk": "timm:test_resnet", "preprocessing": SMALL.describe()} | change
    (tmp_path / "m.json").write_text(json.dumps(config))
    with pytest.raises((ModelError, UnknownNameError), match=message):
        load_model(str(trained))


def test_pickle_that_is_called_safetensors_is_refused_and_not_run(spring, tmp_path):
    spring.save(tmp_path / "trap.safetensors")
    with pytest.raises(ModelError, match=r"trap\.safetensors': not a file of tensors"):
        load_model(str(tmp_path / "trap.safetensors"), trust_pickle=True)
    spring.assert_not_sprung()


def test_safetensors_that_are_cut_or_lie_about_their_size_are_refused(trained, tmp_path):
    whole = trained.read_bytes()
    trained.write_bytes(whole[:-100])
    with pytest.raises(ModelError, match="not a file of tensors"):
        load_model(str(trained))
    header = {"embedder.weight": {"dtype": "F32", "shape": [10**15, 4], "data_offsets": [0, 16]}}
    text = json.dumps(header).encode()
    trained.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    with pytest.raises(ModelError, match="not a file of tensors"):
        load_model(str(trained))
    trained.write_bytes((2**62).to_bytes(8, "little") + bytes(16))
    with pytest.raises(ModelError, match="not a file of tensors"):
        load_model(str(trained))


# .pt2


@pytest.fixture
def export(net, tmp_path):
    """Write a network as a program of torch.export."""

    def write(network=net, batch=None, metadata=None):
        shapes = ({0: torch.export.Dim("batch")},) if batch is None else None
        program = torch.export.export(
            network, (torch.zeros(batch or 2, 3, 16, 16),), dynamic_shapes=shapes
        )
        extra = {} if metadata is None else {"dmlprism.json": json.dumps(metadata)}
        torch.export.save(program, tmp_path / "m.pt2", extra_files=extra)
        return str(tmp_path / "m.pt2")

    return write


@pytest.mark.parametrize("batch", [None, 2])
def test_exported_program_gives_the_network_s_embeddings_and_gradients(export, net, images, batch):
    loaded = load_model(export(batch=batch), trust_pickle=True)
    assert loaded.preprocessing.input_size == (16, 16)
    assert loaded.dimensions == 4
    assert "ImageNet's assumed for mean, std" in loaded.notes[0]
    assert_gives_what(net, loaded, images)


def test_exported_program_brings_its_metadata(export):
    metadata = {"preprocessing": SMALL.describe(), "loss": "margin"}
    loaded = load_model(export(metadata=metadata), trust_pickle=True)
    assert (loaded.preprocessing, loaded.loss, loaded.notes) == (SMALL, "margin", ())


def test_exported_program_is_not_loaded_without_trust(export, spring, tmp_path):
    with pytest.raises(
        ModelError, match=r"m\.pt2: loading .* can run code in it: .*--trust-pickle"
    ):
        load_model(export())
    spring.save(tmp_path / "trap.pt2")
    with pytest.raises(ModelError, match="--trust-pickle"):
        load_model(str(tmp_path / "trap.pt2"))
    spring.assert_not_sprung()


def test_program_exported_in_training_mode_is_refused(export):
    with pytest.raises(ModelError, match="exported in training mode"):
        load_model(export(TinyNet().train()), trust_pickle=True)


def test_files_that_are_no_programs_are_refused(export, tmp_path):
    path = tmp_path / "m.pt2"
    export()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"m\.pt2: torch\.export cannot load it"):
        load_model(str(path), trust_pickle=True)


# .onnx


@pytest.fixture
def onnx_file(net, tmp_path):
    """Write a network as ONNX."""
    pytest.importorskip("onnxruntime")

    def write(network=net, batch=None, metadata=None, opset=17):
        import onnx

        path = tmp_path / "m.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(batch or 2, 3, 16, 16),),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["images"],
            output_names=["embeddings"],
            dynamic_axes=None if batch else {"images": {0: "b"}, "embeddings": {0: "b"}},
        )
        if metadata is not None:
            model = onnx.load(path)
            model.metadata_props.add(key="dmlprism.json", value=json.dumps(metadata))
            onnx.save(model, path)
        return str(path)

    return write


@pytest.fixture
def hand_made(tmp_path):
    """Write an ONNX file of one operator that takes images."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT

    def write(operator, channels=3, inputs=("x",), **attributes):
        nodes = [
            helper.make_node(operator, inputs, ["y"], **attributes),
            helper.make_node("Flatten", ["y"], ["z"]),
        ]
        shape = ["b", channels, 8, 8]
        takes = [helper.make_tensor_value_info(name, float32, shape) for name in inputs]
        gives = [helper.make_tensor_value_info("z", float32, None)]
        graph = helper.make_graph(nodes, "graph", takes, gives)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, tmp_path / "hand.onnx")
        return str(tmp_path / "hand.onnx")

    return write


@pytest.mark.parametrize("batch", [None, 2])
def test_onnx_gives_the_network_s_embeddings_and_gradients(onnx_file, net, images, batch):
    loaded = load_model(onnx_file(batch=batch))
    assert loaded.no_maps is None
    assert loaded.preprocessing.input_size == (16, 16)
    assert_gives_what(net, loaded, images)


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_onnx_of_convolutional_networks_can_be_differentiated(onnx_file, name, opset):
    network = load_model(f"timm:{name}?pretrained=false").model
    assert load_model(onnx_file(network, opset=opset)).no_maps is None


def test_onnx_with_the_reshape_of_newer_exporters_can_be_differentiated(onnx_file, net, images):
    import onnx

    path = onnx_file()
    model = onnx.load(path)
    node = next(node for node in model.graph.node if node.op_type == "Flatten")
    shape = onnx.numpy_helper.from_array(np.array([-1, 8]), "shape")
    model.graph.initializer.append(shape)
    names = [node.input[0], "shape"]
    node.CopyFrom(onnx.helper.make_node("Reshape", names, node.output, allowzero=1))
    onnx.save(model, path)
    assert_gives_what(net, load_model(path), images)


def test_onnx_brings_its_metadata(onnx_file):
    metadata = {"preprocessing": SMALL.describe(), "loss": "margin"}
    loaded = load_model(onnx_file(metadata=metadata))
    assert (loaded.preprocessing, loaded.loss, loaded.notes) == (SMALL, "margin", ())


def test_onnx_that_cannot_be_differentiated_gives_embeddings_and_the_reason(hand_made):
    loaded = load_model(hand_made("GlobalLpPool", p=2))
    assert "onnx2torch cannot rebuild hand.onnx" in loaded.no_maps
    assert "GlobalLpPool" in loaded.no_maps
    assert "\n" not in loaded.no_maps
    embeddings = loaded.model(torch.full((3, 3, 8, 8), 2.0)).numpy()
    assert np.allclose(embeddings, 16)


def test_onnx_that_comes_out_different_in_pytorch_gets_no_maps(onnx_file, monkeypatch):
    network = TinyNet().eval()
    monkeypatch.setattr("dmlbench.models.onnx_file._in_pytorch", lambda path: network)
    assert "gives other embeddings" in load_model(onnx_file()).no_maps


def test_onnx_without_its_packages_says_what_to_install(onnx_file, monkeypatch):
    path = onnx_file()
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    assert "onnx2torch is not installed: pip install" in load_model(path).no_maps
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"m\.onnx: onnxruntime is not installed: pip install"):
        load_model(path)


def test_onnx_whose_channels_have_a_name_takes_images(hand_made):
    assert load_model(hand_made("Relu", channels="c"), input_size=8).dimensions == 3 * 8 * 8


def test_onnx_that_takes_no_images_is_refused(hand_made):
    with pytest.raises(ModelError, match=r"\['b', 4, 8, 8\] to 1 outputs; valid: from one"):
        load_model(hand_made("Relu", channels=4))
    with pytest.raises(ModelError, match=r"valid: from one tensor\(float\) \[B, 3, H, W\]"):
        load_model(hand_made("Add", inputs=("x", "w")))


def test_files_that_are_no_onnx_are_refused(onnx_file, spring, tmp_path):
    from pathlib import Path

    path = Path(onnx_file())
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ModelError, match=r"m\.onnx: not a whole ONNX file, or damaged"):
        load_model(str(path))
    spring.save(tmp_path / "trap.onnx")
    with pytest.raises(ModelError, match=r"trap\.onnx: not a whole ONNX file, or damaged"):
        load_model(str(tmp_path / "trap.onnx"))
    spring.assert_not_sprung()


def test_onnx_cannot_read_files_outside_its_folder(onnx_file, tmp_path):
    import onnx

    (tmp_path / "secret").write_bytes(bytes(4096))
    (tmp_path / "models").mkdir()
    model = onnx.load(onnx_file())
    weight = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret"), ("length", str(4 * int(np.prod(weight.dims))))):
        weight.external_data.add(key=key, value=value)
    inside = tmp_path / "models" / "m.onnx"
    inside.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="onnxruntime cannot load it"):
        load_model(str(inside))


@pytest.mark.parametrize("suffix", ["pt2", "safetensors", "onnx"])
def test_file_that_is_not_there_is_named(suffix):
    with pytest.raises(ModelError, match=rf"nowhere\.{suffix}: no such file"):
        load_model(f"nowhere.{suffix}")


class Normalized(nn.Module):
    """As most embedding models end."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return nn.functional.normalize(self.conv(x).mean((2, 3)))


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_maps_of_an_onnx_model_that_normalizes_its_embedding(tmp_path, opset):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "m.onnx"
    torch.onnx.export(
        Normalized().eval(),
        (torch.zeros(2, 3, 16, 16),),
        path,
        dynamo=False,
        opset_version=opset,
        input_names=["images"],
        output_names=["embeddings"],
        dynamic_axes={"images": {0: "b"}, "embeddings": {0: "b"}},
    )
    assert load_model(str(path), input_size=16).no_maps is None


def test_our_own_export_of_a_normalizing_model_has_maps(tmp_path):
    pytest.importorskip("onnxruntime")
    save_torchscript(Normalized(), Preprocessing(input_size=16), tmp_path / "m.pt")
    export_model(str(tmp_path / "m.pt"), "onnx", tmp_path / "m.onnx")
    assert load_model(str(tmp_path / "m.onnx")).no_maps is None


def test_a_network_with_a_view_exports_to_a_file_that_can_be_evaluated(tmp_path):
    class Viewed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.conv(x)
            return x.view(x.size(0), -1)

    save_torchscript(Viewed(), Preprocessing(input_size=16), tmp_path / "m.pt")
    export_model(str(tmp_path / "m.pt"), "torchscript", tmp_path / "again.pt")
    images = [Image.new("RGB", (20, 20), color) for color in ("red", "blue", "gray")]
    first, again = (
        embed(load_model(str(tmp_path / name)), images, batch_size=2)
        for name in ("m.pt", "again.pt")
    )
    np.testing.assert_allclose(again, first, rtol=1e-5, atol=1e-6)
