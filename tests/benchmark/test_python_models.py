"""Models that a function of the user's returns."""

import pytest
import torch

from dmlbench.models import LoadedModel, load_model
from dmldata.common.errors import ModelError

FLAGS = {"input_size": 16, "mean": (0, 0, 0), "std": (1, 1, 1)}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module with a name of its own in the working directory; `source` below fills it."""
    monkeypatch.chdir(tmp_path)
    name = f"models_{tmp_path.name}"

    def write(source):
        (tmp_path / f"{name}.py").write_text("import torch\nfrom torch import nn\n" + source)
        return name

    return write


def same_weights(a, b):
    pairs = zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_python_function_returns_a_model(module):
    name = module("def make(): return nn.Sequential(nn.Flatten(), nn.Linear(768, 2))")
    loaded = load_model(f"python:{name}:make", **FLAGS)
    assert loaded.dimensions == 2
    assert loaded.id.startswith(f"{name}_make-")


def test_python_function_returns_model_and_preprocessing(module):
    name = module(
        "from dmlbench.models import Preprocessing\n"
        "def make(): return (lambda x: x.mean((2, 3))), Preprocessing(input_size=8)"
    )
    loaded = load_model(f"python:{name}:make")
    assert loaded.preprocessing.input_size == (8, 8)
    assert loaded.dimensions == 3


def test_python_function_returns_a_loaded_model(module):
    name = module(
        "from dmlbench.models import LoadedModel, Preprocessing\n"
        "def make(): return LoadedModel("
        "lambda x: x.mean((2, 3)), Preprocessing(input_size=8), loss='fastap')"
    )
    loaded = load_model(f"python:{name}:make")
    assert isinstance(loaded, LoadedModel)
    assert (loaded.loss, loaded.distance) == ("fastap", "squared_euclidean")
    assert loaded.reference == f"python:{name}:make"


def test_random_python_model_depends_on_the_seed_alone(module):
    name = module("def make(): return nn.Sequential(nn.Flatten(), nn.Linear(768, 2))")
    zero, again = (load_model(f"python:{name}:make", **FLAGS, seed=0) for _ in range(2))
    assert same_weights(zero, again)
    assert not same_weights(zero, load_model(f"python:{name}:make", **FLAGS, seed=1))


@pytest.mark.parametrize(
    ("source", "function", "message"),
    [
        ("def make(): return 3", "make", "returns int, expected a model"),
        (
            "def make(): raise KeyError('weights')",
            "make",
            "the function fails: KeyError: 'weights'",
        ),
        (
            "def make(): nn.Linear(2, 2).load_state_dict({'fc.weight': torch.ones(2, 2)})",
            "make",
            'Missing key.*: "weight", "bias"',
        ),
        ("def make(): return nn.LazyLinear(2)", "make", "the model is lazy"),
        ("def make(): return None", "build", "has no function 'build'"),
        ("import no_such_module_here", "make", "cannot be imported .*: ModuleNotFoundError"),
        ("def make(): return lambda x: x @ x", "make", "a forward pass on zeros .* fails"),
    ],
)
def test_python_function_that_breaks_the_contract_is_one_line(module, source, function, message):
    reference = f"python:{module(source)}:{function}"
    with pytest.raises(ModelError, match=message) as caught:
        load_model(reference, input_size=(16, 8))
    assert "\n" not in str(caught.value)
    assert reference in str(caught.value)


def test_python_reference_without_a_function_is_refused():
    with pytest.raises(ModelError, match="expected python:module:function"):
        load_model("python:module")
