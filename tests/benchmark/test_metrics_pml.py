"""NR-Precision and ARP inside pytorch-metric-learning's own calculator and testers."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from dmlbench.metrics import PropertyAccuracyCalculator
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.scores import arp, nr_precision, r_precision
from dmldata.common.errors import InputError

ensure_torchvision_imports()
testers = pytest.importorskip("pytorch_metric_learning.testers")

BOTH = ("nr_precision", "arp")


@pytest.fixture
def labeled():
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(0, 5, 80), rng.integers(0, 3, 80)], axis=1)
    images = rng.normal(size=(80, 6)) + np.eye(6)[labels[:, 0]]
    return torch.tensor(images, dtype=torch.float32), torch.tensor(labels)


def test_accuracies_are_the_exact_scores_beside_those_of_the_library(labeled):
    embeddings, labels = labeled
    calculator = PropertyAccuracyCalculator(include=(*BOTH, "r_precision"))
    unit = nn.functional.normalize(embeddings)
    accuracy = calculator.get_accuracy(unit, labels[:, 0])
    assert accuracy == pytest.approx(
        {
            "nr_precision": nr_precision(embeddings, labels[:, 0].numpy()),
            "arp": arp(embeddings, labels[:, 0].numpy()),
            "r_precision": r_precision(embeddings, labels[:, 0].numpy()),
        },
        abs=1e-6,
    )


def test_a_tester_has_them_for_every_level_of_labels(labeled):
    images, labels = labeled
    tester = testers.GlobalEmbeddingSpaceTester(
        accuracy_calculator=PropertyAccuracyCalculator(include=BOTH),
        label_hierarchy_level="all",
        dataloader_num_workers=0,
        end_of_testing_hook=lambda _: None,
    )
    dataset = torch.utils.data.TensorDataset(images, labels)
    trunk = nn.Linear(6, 4)
    accuracies = tester.test({"val": dataset}, 1, trunk)["val"]
    embeddings = trunk(images).detach().numpy()
    for level in range(2):
        for name, exact in (("nr_precision", nr_precision), ("arp", arp)):
            expected = exact(embeddings, labels[:, level].numpy())
            assert accuracies[f"{name}_level{level}"] == pytest.approx(expected, abs=1e-5)


def test_a_score_that_does_not_exist_is_not_a_number():
    accuracy = PropertyAccuracyCalculator(include=BOTH).get_accuracy(torch.eye(3), torch.ones(3))
    assert all(map(math.isnan, accuracy.values()))


def test_references_other_than_the_queries_are_refused(labeled):
    embeddings, labels = labeled
    calculator = PropertyAccuracyCalculator(include=BOTH)
    sets = (embeddings[:30], labels[:30, 0], embeddings, labels[:, 0])
    for includes, query in ((False, sets), (True, sets)):
        with pytest.raises(InputError, match=r"30 queries and 80 .*references; valid: "):
            calculator.get_accuracy(*query, includes)
    plain = PropertyAccuracyCalculator(exclude=(*BOTH, "NMI", "AMI"))
    assert plain.get_accuracy(*sets, True)["precision_at_1"] > 0


@pytest.mark.parametrize(
    ("option", "value"),
    [("avg_of_avgs", True), ("return_per_class", True), ("label_comparison_fn", torch.eq)],
)
def test_options_that_are_not_defined_for_them_are_refused(option, value):
    with pytest.raises(InputError, match=rf"{option}: not defined for nr_precision, arp; valid: "):
        PropertyAccuracyCalculator(include=BOTH, **{option: value})
    PropertyAccuracyCalculator(include=("r_precision",), **{option: value})


def test_without_faiss_neighbors_are_searched_by_the_library_itself():
    """Its own calculator needs faiss already when it is made."""
    code = (
        "import sys; sys.modules['faiss'] = None\n"
        "import torch\n"
        "from dmlbench.metrics import PropertyAccuracyCalculator as Calculator\n"
        "names = ('arp', 'r_precision', 'AMI', 'NMI')\n"
        "labels = torch.arange(12) % 3\n"
        "print(Calculator(include=names).get_accuracy(torch.eye(3)[labels], labels))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'AMI': 1.0, 'NMI': 1.0, 'arp': 1.0, 'r_precision': 1.0}"
