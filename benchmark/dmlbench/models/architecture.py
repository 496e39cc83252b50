"""A library's network filled with weights: what `timm:NAME` and `torchvision:NAME` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from dmlbench.models.checkpoint import read_checkpoint
from dmlbench.models.network import EmbeddingNetwork
from dmlbench.models.reference_query import parse_reference
from dmlbench.models.weights import difference, find_weights, match_weights
from dmldata.common.errors import ModelError, UnknownNameError

OPTIONS = ("pretrained", "seed", "weights", "embedder", "head", "key")
HEADS = ("keep", "drop")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Query:
    """What a reference such as `timm:NAME?weights=FILE&head=drop` asks for.

    Attributes:
        name: of the architecture.
        pretrained: take the library's own weights.
        seed: of random weights.
        weights: file with the network's tensors.
        embedder: file with those of a linear layer after it.
        head: what to do with a head that the weights bring: 'keep' or 'drop'.
        key: where in the file the tensors lie.
    """

    name: str
    pretrained: bool
    seed: int
    weights: str | None = None
    embedder: str | None = None
    head: str | None = None
    key: str | None = None


class Filled(NamedTuple):
    """A network with weights, and what a reader has to know of them."""

    model: nn.Module
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """A network as its library builds it.

    Attributes:
        body: without its classifier: images -> features.
        whole: builds it with a classifier of so many classes.
        head: name of its classifier, as a prefix of the tensors' names.
        classes: of the classifier that its library's own weights have.
    """

    body: nn.Module
    whole: Callable[[int], nn.Module]
    head: str
    classes: int


def parse_query(reference: str, seed: int) -> Query:
    """
    >>> parse_query("timm:resnet18?weights=a.pth&head=drop", 0).head
    'drop'

    Raises:
        UnknownNameError, ModelError: an option or a value that is not valid.
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
            raise ModelError(f"{reference}: {option}={values[option]} goes with weights=FILE")
    return Query(
        name,
        _BOOLEANS[pretrained],
        int(values.get("seed", seed)),
        *(values.get(option) for option in OPTIONS[2:]),
    )


def fill(architecture: Architecture, query: Query, reference: str) -> Filled:
    """Load the weights that a query names; every tensor of the file is used, or the query says so.

    The classifier that a library's own weights have (ImageNet's 1,000 classes) is left out, as
    the library does; of any other head the query has to say whether it is the embedder.

    Raises:
        ModelError: weights that lack a tensor, or hold one that the network does not use; names it.
    """
    path = find_weights(query.weights or "")
    checkpoint = read_checkpoint(path, query.key)
    found = checkpoint.state
    notes = [checkpoint.note] if checkpoint.note else []
    model = architecture.body
    body = model.state_dict()
    matched = match_weights(body, found)
    if matched is None and query.head == "drop":
        matched = match_weights(body, {name: found[name] for name in body if name in found})
    if matched is None:
        classes = _classes(found, architecture)
        model = architecture.whole(classes)
        whole = model.state_dict()
        matched = match_weights(whole, found)
        if matched is None:
            raise ModelError(
                f"{reference}: weights '{path.name}' do not fit: {difference(whole, found)}"
                + _drop_hint(body, found)
            )
        own = classes == architecture.classes and query.head is None
        if own:
            notes.append(f"the classifier of {classes} classes in {path.name} is left out")
        elif query.head is None:
            raise ModelError(
                f"{reference}: weights '{path.name}' hold a head '{architecture.head}' with "
                f"{classes} outputs; ?head=keep measures those, ?head=drop the features before it"
            )
        if own or query.head == "drop":
            model = architecture.body
            matched = {name: matched[name] for name in body}
    model.load_state_dict(matched)
    return Filled(_with_embedder(model, query, reference), tuple(notes))


def _classes(found: Mapping[str, Tensor], architecture: Architecture) -> int:
    named = found.get(f"{architecture.head}.weight")
    return architecture.classes if named is None else int(named.shape[0])


def _drop_hint(body: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    if body.keys() <= found.keys():
        return "; ?head=drop measures the features without what is not in the model"
    return ""


def _with_embedder(model: nn.Module, query: Query, reference: str) -> nn.Module:
    """The network and, where the query names one, the linear layer that was saved apart."""
    if query.embedder is None:
        return model
    path = find_weights(query.embedder)
    found = read_checkpoint(path).state
    weights = [name for name, value in found.items() if value.ndim == 2]
    if len(weights) != 1 or len(found) > 2:
        names = ", ".join(f"{name} {list(value.shape)}" for name, value in found.items())
        raise ModelError(
            f"{reference}: embedder '{path.name}' is no single linear layer ({names}); others load "
            "in a function of yours, python:module:function"
        )
    weight = found[weights[0]]
    bias = next((value for name, value in found.items() if name != weights[0]), None)
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    return EmbeddingNetwork(model, linear)
