"""Load weights into a library's network: the shared part of `timm:NAME` and `torchvision:NAME`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from dmlbench.models.checkpoint import network_part, read_checkpoint
from dmlbench.models.network import EmbeddingNetwork
from dmlbench.models.reference_query import parse_reference
from dmlbench.models.weights import difference, find_weights, listed, match_weights
from dmldata.common.errors import ModelError, UnknownNameError

OPTIONS = ("pretrained", "seed", "weights", "embedder", "head", "key")
HEADS = ("keep", "drop")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Query:
    """The parsed form of a reference such as `timm:NAME?weights=FILE&head=drop`.

    Attributes:
        name: name of the architecture.
        pretrained: whether to load the library's own weights.
        seed: seed of random weights.
        weights: file with the network's tensors.
        embedder: file with the tensors of a linear layer after the network.
        head: whether to 'keep' or 'drop' a head that is in the weights; None if not specified.
        key: entry of the weights file that holds the tensors.
    """

    name: str
    pretrained: bool
    seed: int
    weights: str | None = None
    embedder: str | None = None
    head: str | None = None
    key: str | None = None


class Filled(NamedTuple):
    """A network with its weights loaded, and notes about them for the reader of a result."""

    model: nn.Module
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """A network as its library builds it.

    Attributes:
        body: the network without its classifier: images -> features.
        with_classifier: function that builds it with a classifier of the given number of classes.
        head: name of its classifier, as a prefix of the tensors' names.
        classes: number of classes of the library's own pretrained classifier.
        unused: prefixes of tensors that only training uses.
    """

    body: nn.Module
    with_classifier: Callable[[int], nn.Module]
    head: str
    classes: int
    unused: tuple[str, ...] = ()


def parse_query(reference: str, seed: int) -> Query:
    """Parse a reference with its options.

    Args:
        seed: seed of random weights where the reference names none.

    Raises:
        UnknownNameError, ModelError: an option or a value is not valid.

    >>> parse_query("timm:resnet18?weights=a.pth&head=drop", 0).head
    'drop'
    """
    name, values = parse_reference(reference, OPTIONS)
    pretrained = values.get("pretrained", "false" if "weights" in values else "true").lower()
    if pretrained not in _BOOLEANS:
        raise ModelError(f"{reference}: pretrained={pretrained} is not valid; valid: true, false")
    if not values.get("seed", "0").isdecimal():
        raise ModelError(f"{reference}: seed={values['seed']} is not valid; valid: 0, 1, 2, ...")
    if values.get("head") not in (None, *HEADS):
        raise UnknownNameError("head", values["head"], HEADS, reference)
    for option in ("head", "key", "embedder"):
        if option in values and "weights" not in values:
            raise ModelError(f"{reference}: {option}={values[option]} needs weights=FILE")
    return Query(
        name,
        _BOOLEANS[pretrained],
        int(values.get("seed", seed)),
        *(values.get(option) for option in OPTIONS[2:]),
    )


def fill(architecture: Architecture, query: Query, reference: str) -> Filled:
    """Load the weights that a query names; every tensor has to be used unless the head is dropped.

    The classifier of a library's own weights (1,000 ImageNet classes) is left out, as the library
    does. For any other head, the query has to say whether to keep it as the embedder or drop it.

    Raises:
        ModelError: the weights lack a tensor, or hold one that the network does not use; the
            message names it.
    """
    path = find_weights(query.weights or "")
    checkpoint = read_checkpoint(path, query.key)
    notes = [checkpoint.note] if checkpoint.note else []
    model = architecture.body
    body_state = model.state_dict()
    part, others = network_part(checkpoint.state, body_state.keys())
    if others:
        notes.append(f"left out of {path.name}, as beside the network: {listed(others)}")
    state = {
        name: tensor for name, tensor in part.items() if not name.startswith(architecture.unused)
    }
    matched = match_weights(body_state, state)
    if matched is None and query.head == "drop":
        matched = match_weights(
            body_state, {name: state[name] for name in body_state if name in state}
        )
    if matched is None:
        classes = _classes(state, architecture)
        model = architecture.with_classifier(classes)
        full_state = model.state_dict()
        matched = match_weights(full_state, state)
        if matched is None:
            raise ModelError(
                f"{reference}: weights '{path.name}' do not fit: {difference(full_state, state)}"
                + _drop_hint(body_state, state)
            )
        is_library_classifier = classes == architecture.classes and query.head is None
        if is_library_classifier:
            notes.append(f"the classifier of {classes} classes in {path.name} is left out")
        elif query.head is None:
            raise ModelError(
                f"{reference}: weights '{path.name}' hold a head '{architecture.head}' with "
                f"{classes} outputs; ?head=keep measures those, ?head=drop the features before it"
            )
        if is_library_classifier or query.head == "drop":
            model = architecture.body
            matched = {name: matched[name] for name in body_state}
    model.load_state_dict(matched)
    return Filled(_with_embedder(model, query, reference), tuple(notes))


def _classes(state: Mapping[str, Tensor], architecture: Architecture) -> int:
    weight = state.get(f"{architecture.head}.weight")
    return architecture.classes if weight is None else int(weight.shape[0])


def _drop_hint(body: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    if body.keys() <= state.keys():
        return "; ?head=drop measures the features without what is not in the model"
    return ""


def _with_embedder(model: nn.Module, query: Query, reference: str) -> nn.Module:
    """Append the linear layer that was saved in a separate file, if the query names one."""
    if query.embedder is None:
        return model
    path = find_weights(query.embedder)
    state = read_checkpoint(path).state
    weights = [name for name, value in state.items() if value.ndim == 2]
    if len(weights) != 1 or len(state) > 2:
        names = ", ".join(f"{name} {list(value.shape)}" for name, value in state.items())
        raise ModelError(
            f"{reference}: embedder '{path.name}' is no single linear layer ({names}); others load "
            "in a function of yours, python:module:function"
        )
    weight = state[weights[0]]
    bias = next((value for name, value in state.items() if name != weights[0]), None)
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    return EmbeddingNetwork(model, linear)
