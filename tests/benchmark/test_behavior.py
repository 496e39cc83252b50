"""What a model does: it belongs to its identity, and has to be a function of each image alone."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from dmlbench.embedding import embed
from dmlbench.models import Preprocessing, load_model, save_torchscript
from dmlbench.saliency import saliency_maps
from dmldata.common.errors import ModelError

SMALL = Preprocessing(input_size=16, resize=16, mean=(0, 0, 0), std=(1, 1, 1))

WRAPPERS = """
import functools
import torch
from dmlbench.models import Preprocessing

EPOCH = {epoch}
SMALL = Preprocessing(input_size=16, resize=16)

def network():
    torch.manual_seed(EPOCH)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten())

class Returns(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = [network()]
    def forward(self, x):
        return self.hidden[0](x)

class Callable:
    def __init__(self):
        self.net = network()
    def __call__(self, x):
        return self.net(x)

class Buffer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("w", network()[0].weight.detach(), persistent=False)
    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.w).flatten(1)

def run(net, x):
    return net(x)

def function():
    net = network()
    return lambda x: dict(embedding=net(x))["embedding"]

def made(kind):
    return kind(), SMALL

def as_lambda(): return function(), SMALL
def as_list(): return Returns(), SMALL
def as_object(): return Callable(), SMALL
def as_partial(): return functools.partial(run, network()), SMALL
def as_buffer(): return Buffer(), SMALL
"""
KINDS = ("as_lambda", "as_list", "as_object", "as_partial", "as_buffer")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module of the user's, import nothing of it yet, and load functions of it."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "mine.py").write_text(text)
        monkeypatch.delitem(sys.modules, "mine", raising=False)
        sys.dont_write_bytecode = True

    yield write
    sys.modules.pop("mine", None)
    sys.dont_write_bytecode = False


@pytest.mark.parametrize("kind", KINDS)
def test_another_checkpoint_behind_the_same_function_is_another_model(module, monkeypatch, kind):
    """Where no state dict tells: the source is the same, what it embeds is not."""
    module(WRAPPERS.format(epoch="int(__import__('os').environ['EPOCH'])"))
    ids = _ids_by_setting(monkeypatch, kind, "EPOCH", ("1", "2", "1"))
    assert ids[0] == ids[2] != ids[1]


def _ids_by_setting(monkeypatch, kind, name, values):
    """Return the model's id under each value of an environment variable its module reads."""
    ids = []
    for value in values:
        monkeypatch.setenv(name, value)
        monkeypatch.delitem(sys.modules, "mine", raising=False)
        ids.append(load_model(f"python:mine:{kind}").id)
    return ids


def test_an_edited_forward_with_the_same_weights_is_another_model(module):
    text = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return self.conv(x).{pool}((2, 3))
def load(): return Net()
"""
    module(text.format(pool="mean"))
    first = load_model("python:mine:load").id
    module(text.format(pool="amax"))
    assert load_model("python:mine:load").id != first


@pytest.mark.parametrize("threads", [1, 2])
def test_identity_does_not_depend_on_threads(tmp_path, threads):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    path = save_torchscript(network, SMALL, tmp_path / "m.pt")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert load_model(str(path)).id == _id_with_one_thread(path)
    finally:
        torch.set_num_threads(before)


def _id_with_one_thread(path):
    torch.set_num_threads(1)
    return load_model(str(path)).id


# An embedding that is no function of the image


UNSTABLE = """
import torch
import torch.nn.functional as F

class Base(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 8, 3)
        self.norm = torch.nn.BatchNorm2d(8, track_running_stats=False)
        self.drop = torch.nn.Dropout(0.5)

class Dropout(Base):
    def forward(self, x): return F.dropout(self.conv(x).mean((2, 3)), 0.2)

class Norm(Base):
    def forward(self, x): return self.norm(self.conv(x)).amax((2, 3))

class Training(Base):
    def __init__(self):
        super().__init__()
        super().train(True)
    def train(self, mode=True): return self
    def forward(self, x): return self.drop(self.conv(x).mean((2, 3)))

class Batch(Base):
    def forward(self, x): return self.conv(x).mean((2, 3)) - self.conv(x).mean((0, 2, 3))

def dropout(): return Dropout()
def norm(): return Norm()
def training(): return Training()
def batch(): return Batch()
"""


@pytest.mark.parametrize("kind", ["as_lambda", "as_object", "as_partial"])
def test_weights_that_a_function_keeps_tell_it_from_a_fine_tuned_one(module, monkeypatch, kind):
    """A step of training changes what three images embed to by less than rounding might."""
    text = WRAPPERS.format(epoch=1).replace(
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten())",
        "    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten())\n"
        "    net[0].weight.data *= float(__import__('os').environ['STEP'])\n"
        "    return net",
    )
    module(text)
    ids = _ids_by_setting(monkeypatch, kind, "STEP", ("1", "1.00001", "1"))
    assert ids[0] == ids[2] != ids[1]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("dropout", "an image embedded twice lies"),
        ("training", "an image embedded twice lies"),
        ("norm", "an image embedded alone and in a batch lies"),
        ("batch", "an image embedded alone and in a batch lies"),
    ],
)
def test_an_embedding_that_is_no_function_of_the_image_is_refused(module, name, seen):
    module(UNSTABLE)
    with pytest.raises(
        ModelError, match=f"depends on more than the image: {seen}.*--allow-unstable"
    ):
        load_model(f"python:mine:{name}", input_size=16)
    loaded = load_model(f"python:mine:{name}", input_size=16, allow_unstable=True)
    assert any(note.startswith("UNSTABLE: ") for note in loaded.notes)


def test_traced_in_training_mode_is_refused(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.Dropout(0.5)).train()
    torch.jit.trace(network, torch.zeros(2, 3, 16, 16), check_trace=False).save(
        str(tmp_path / "m.pt")
    )
    with pytest.raises(ModelError, match="an image embedded twice lies"):
        load_model(str(tmp_path / "m.pt"), input_size=16)


def test_the_result_of_an_unstable_model_is_marked(module, dmlbench, shapes, tmp_path):
    module(UNSTABLE)
    words = ["evaluate", "python:mine:dropout", "--data", shapes, "--input-size", 16, "--maps", 0]
    refused = dmlbench(*words, "--no-chance")
    assert refused.exit_code == 2
    assert "depends on more than the image" in refused.err
    allowed = dmlbench(*words, "--no-chance", "--allow-unstable")
    assert allowed.exit_code == 0, allowed.err
    assert "note: UNSTABLE: " in allowed.out
    module(WRAPPERS.format(epoch="1"))
    out = ["--out", tmp_path / "both"]
    for reference in ("python:mine:as_list", "python:mine:as_object"):
        assert dmlbench("evaluate", reference, *words[2:], "--no-chance", *out).exit_code == 0
    module(UNSTABLE)
    assert dmlbench(*words, "--no-chance", "--allow-unstable", *out).exit_code == 0
    assert (
        "mine_dropout: UNSTABLE" in dmlbench("compare", tmp_path / "both").out.split("note: ")[-1]
    )


@pytest.mark.parametrize("kind", ["random", "batch"])
def test_onnx_that_is_no_function_of_the_image_is_refused(tmp_path, kind):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["b", 3, 16, 16])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", 3])
    pool = helper.make_node("GlobalAveragePool", ["images"], ["pooled"])
    flat = helper.make_node("Flatten", ["pooled"], ["flat"])
    odd = {
        "random": [
            helper.make_node("RandomUniformLike", ["flat"], ["noise"]),
            helper.make_node("Add", ["flat", "noise"], ["out"]),
        ],
        "batch": [
            helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["flat", "mean"], ["out"]),
        ],
    }
    graph = helper.make_graph([pool, flat, *odd[kind]], "g", [images], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="depends on more than the image"):
        load_model(str(tmp_path / "m.onnx"))


# What ordinary models do with their input


class Viewed(nn.Module):
    """As AlexNet, VGG and most published code do: a view after a convolution."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return x.view(x.size(0), -1)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x[:, 0] = x[:, 0] * 2
        return self.conv(self.relu(x)).mean((2, 3))


class Outputs(nn.Module):
    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.kind = kind

    def forward(self, x):
        features = self.conv(x)
        pooled = features.mean((2, 3))
        return {
            "map": pooled[:, :, None, None],
            "tuple": (features, pooled),
            "list": [pooled, features],
            "dict": {"logits": features.flatten(1), "embedding": pooled},
            "only": {"features": features, "pooled": pooled},
        }[self.kind]


def loaded_from(tmp_path, network, **options):
    torch.jit.trace(network.eval(), torch.zeros(2, 3, 16, 16), strict=False).save(
        str(tmp_path / "m.pt")
    )
    return load_model(str(tmp_path / "m.pt"), input_size=16, **options)


@pytest.fixture
def pictures():
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)) for _ in range(5)]


@pytest.mark.parametrize("kind", [Viewed, InPlace])
def test_ordinary_models_are_embedded_and_explained(tmp_path, pictures, kind):
    loaded = loaded_from(tmp_path, kind())
    embeddings = embed(loaded, pictures, batch_size=2)
    tensors = torch.stack([loaded.preprocessing.to_tensor(picture) for picture in pictures])
    with torch.no_grad():
        expected = kind().eval()(tensors.clone())
    torch.testing.assert_close(torch.from_numpy(embeddings), expected, rtol=1e-4, atol=1e-5)
    maps = saliency_maps(loaded, pictures[:2], ["a", "b"], samples=3)
    assert maps.shape == (2, 16, 16)
    assert maps.std() > 0


@pytest.mark.parametrize("kind", ["map", "tuple", "list", "dict", "only"])
def test_the_embedding_is_found_among_the_outputs(module, kind, pictures):
    module(f"from tests_outputs import Outputs\ndef load(): return Outputs({kind!r})\n")
    sys.modules["tests_outputs"] = sys.modules[__name__]
    loaded = load_model("python:mine:load", input_size=16)
    assert loaded.dimensions == 4
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        expected = Outputs("tuple")(images)[1]
        torch.testing.assert_close(loaded.model(images), expected)


def test_of_several_outputs_the_reference_chooses(module):
    module(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return {'a': x.mean((2, 3)), 'b': x.amax((2, 3)), 'c': x}\n"
        "def load(): return Net()\n"
    )
    with pytest.raises(
        ModelError, match=r"\?output=NAME: a \[1, 3\], b \[1, 3\], c \[1, 3, 16, 16\]"
    ):
        load_model("python:mine:load", input_size=16)
    loaded = load_model("python:mine:load?output=b", input_size=16)
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(loaded.model(images), images.amax((2, 3)))
    with pytest.raises(ModelError, match="output=d: no such output; valid: a"):
        load_model("python:mine:load?output=d", input_size=16)


def test_a_model_made_for_one_image_gets_them_one_by_one(tmp_path, pictures):
    class Traced(nn.Module):
        def forward(self, x):
            return x.reshape(1, 3, 256).mean(2)

    torch.jit.trace(Traced(), torch.zeros(1, 3, 16, 16)).save(str(tmp_path / "m.pt"))
    loaded = load_model(str(tmp_path / "m.pt"), input_size=16)
    assert "in batches of 1, as it needs it" in " ".join(loaded.notes)
    embeddings = embed(loaded, pictures, batch_size=3)
    assert embeddings.shape == (5, 3)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_weights_of_another_precision_run_in_float32(module, kind):
    module(
        "import torch\ndef load(): return torch.nn.Sequential("
        f"torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten()).to(torch.{kind})\n"
    )
    loaded = load_model("python:mine:load", input_size=16)
    assert f"weights in {kind}: run in float32" in loaded.notes
    assert loaded.model(torch.rand(1, 3, 16, 16)).dtype == torch.float32


def test_a_quantized_model_is_told_of_the_method_that_needs_no_gradient(tmp_path, pictures):
    network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 8)).eval()
    quantized = torch.ao.quantization.quantize_dynamic(network, {nn.Linear})
    loaded = loaded_from(tmp_path, quantized)
    assert embed(loaded, pictures).shape == (5, 8)
    with pytest.raises(ModelError, match="--method occlusion, which needs none"):
        saliency_maps(loaded, pictures[:1], ["a"], samples=2)
    assert saliency_maps(loaded, pictures[:1], ["a"], method="occlusion").shape == (1, 16, 16)


def test_an_error_of_the_users_code_keeps_its_place(module, pictures):
    module(
        "class Net:\n"
        "    calls = 0\n"
        "    def __call__(self, x):\n"
        "        Net.calls += 1\n"
        "        if Net.calls > 40:\n"
        "            raise ValueError('no more')\n"
        "        return x.mean((2, 3))\n"
        "def load(): return Net()\n"
    )
    loaded = load_model("python:mine:load", input_size=16)
    with pytest.raises(
        ModelError,
        match=r"python:mine:load: the model fails on images \[1, 3, 16, 16\]: ValueError: no more "
        r"\(mine\.py, line 6, in __call__\)",
    ):
        embed(loaded, pictures * 10, batch_size=1)


@pytest.mark.parametrize(
    "line",
    [
        "sys.exit(3)",
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('--x', required=True); "
        "p.parse_args()",
    ],
)
def test_a_script_that_ends_itself_is_an_error_of_its_own(module, line):
    module(f"import sys\n{line}\ndef load(): return None\n")
    with pytest.raises(ModelError, match=r"'mine' cannot be imported .*SystemExit"):
        load_model("python:mine:load")


def test_a_script_does_not_read_our_command_line(module, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dmlbench", "evaluate", "python:mine:load", "--data", "x"])
    module(
        "import argparse\nimport torch\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--size', default=4)\n"
        "size = parser.parse_args().size\n"
        "def load(): return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(size), "
        "torch.nn.Flatten())\n"
    )
    assert load_model("python:mine:load", input_size=16).dimensions == 48
    assert sys.argv[1] == "evaluate"
