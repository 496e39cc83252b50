"""Distances agree with pytorch-metric-learning; the table is the protocol's section 6."""

import subprocess
import sys
from collections import Counter

import pytest
import torch
from pytorch_metric_learning.distances import (
    CosineSimilarity,
    DotProductSimilarity,
    LpDistance,
    SNRDistance,
)

from dmlbench.losses import DISTANCES, LOSSES, distance_named, loss_named
from dmldata.common.errors import UnknownNameError

THEIRS = {
    "euclidean": LpDistance(),
    "squared_euclidean": LpDistance(power=2),
    "cosine_similarity": CosineSimilarity(),
    "dot_product": DotProductSimilarity(),
    "snr": SNRDistance(),
}


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(9, 16, generator=generator, dtype=torch.float64) * 3
    b = torch.randn(1, 16, generator=generator, dtype=torch.float64)
    return a, b


@pytest.mark.parametrize("name", DISTANCES)
def test_distance_agrees_with_pytorch_metric_learning(name, embeddings):
    a, b = embeddings
    torch.testing.assert_close(DISTANCES[name](a, b), THEIRS[name](a, b)[:, 0])


@pytest.mark.parametrize("name", DISTANCES)
def test_gradient_agrees_with_pytorch_metric_learning(name, embeddings):
    a, b = embeddings
    a.requires_grad_()
    (ours,) = torch.autograd.grad(DISTANCES[name](a, b).sum(), a)
    (theirs,) = torch.autograd.grad(THEIRS[name](a, b).sum(), a)
    torch.testing.assert_close(ours, theirs)


def test_distances_worked_by_hand():
    a, b = torch.tensor([[0.0, 5.0]]), torch.tensor([[3.0, 0.0]])
    assert DISTANCES["euclidean"](a, b).item() == pytest.approx(2**0.5)
    assert DISTANCES["squared_euclidean"](a, b).item() == pytest.approx(2)
    assert DISTANCES["cosine_similarity"](a, b).item() == 0
    assert DISTANCES["snr"](a, b).item() == pytest.approx(4)  # var(-1, 1) / var(0, 1)


def test_distance_of_an_embedding_to_itself_has_a_finite_gradient():
    a = torch.tensor([[3.0, 4.0]], requires_grad=True)
    DISTANCES["euclidean"](a, a.detach()).sum().backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()


def test_table_has_the_fourteen_losses_of_the_paper_ten_others_and_two_controls():
    counts = Counter((loss.group, loss.paper) for loss in LOSSES.values())
    assert counts == {
        ("ranking", True): 9,
        ("classification", True): 5,
        ("ranking", False): 5,
        ("classification", False): 5,
        ("control", False): 2,
    }
    assert all(loss.distance in DISTANCES and loss.key == key for key, loss in LOSSES.items())


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(UnknownNameError, match=r"did you mean 'euclidean'.*snr"):
        distance_named("euclidian")
    with pytest.raises(UnknownNameError, match=r"did you mean 'arcface'"):
        loss_named("arc_face")


def test_the_table_is_read_without_torch():
    code = "import sys, dmlbench.losses; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
