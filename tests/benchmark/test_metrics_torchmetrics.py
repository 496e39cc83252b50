"""NR-Precision and ARP inside torchmetrics and Lightning: one process or two, the exact value."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from dmlbench.metrics import ARP, NRPrecision
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.scores import arp, nr_precision
from dmldata.common.errors import InputError

ensure_torchvision_imports()
pl = pytest.importorskip("lightning.pytorch")
torchmetrics = pytest.importorskip("torchmetrics")

BATCH = 16
EXACT = {NRPrecision: nr_precision, ARP: arp}


@pytest.fixture
def labeled():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 90)
    embeddings = rng.normal(size=(90, 6)) + np.eye(6)[labels]
    return torch.tensor(embeddings, dtype=torch.float32), torch.tensor(labels)


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("normalize", [True, False])
def test_the_value_of_all_batches_is_the_exact_score(labeled, kind, normalize):
    embeddings, labels = labeled
    metric = kind(normalize=normalize)
    for batch in zip(embeddings.split(BATCH), labels.split(BATCH), strict=True):
        metric.update(*batch)
    expected = EXACT[kind](embeddings.numpy(), labels.numpy(), normalize=normalize)
    assert float(metric.compute()) == pytest.approx(expected, abs=1e-6)
    metric.reset()
    metric.update(embeddings[:50], labels[:50])
    again = EXACT[kind](embeddings[:50].numpy(), labels[:50].numpy(), normalize=normalize)
    assert float(metric.compute()) == pytest.approx(again, abs=1e-6)


def test_a_step_returns_the_value_of_its_batch(labeled):
    embeddings, labels = labeled
    metric = ARP()
    values = [
        float(metric(*batch)) for batch in zip(embeddings.split(30), labels.split(30), strict=True)
    ]
    expected = arp(embeddings[30:60].numpy(), labels[30:60].numpy())
    assert values[1] == pytest.approx(expected, abs=1e-6)
    whole = arp(embeddings.numpy(), labels.numpy())
    assert float(metric.compute()) == pytest.approx(whole, abs=1e-6)


def test_a_collection_keeps_one_copy_of_the_embeddings(labeled):
    embeddings, labels = labeled
    collection = torchmetrics.MetricCollection({"nr": NRPrecision(), "arp": ARP()})
    for batch in zip(embeddings.split(BATCH), labels.split(BATCH), strict=True):
        collection.update(*batch)
    values = collection.compute()
    assert float(values["nr"]) == pytest.approx(nr_precision(embeddings, labels), abs=1e-6)
    assert float(values["arp"]) == pytest.approx(arp(embeddings, labels), abs=1e-6)
    assert len(collection.compute_groups) == 1


def test_half_precision_gradients_and_missing_labels_are_taken(labeled):
    embeddings, labels = labeled
    halves = embeddings.bfloat16().requires_grad_()
    floats = labels.float()
    floats[::4] = float("nan")
    metric = ARP()
    metric.update(halves, floats)
    expected = arp(halves.detach().float().numpy(), floats.numpy())
    assert float(metric.compute()) == pytest.approx(expected, abs=1e-6)


def test_a_score_that_does_not_exist_is_not_a_number():
    metric = NRPrecision()
    metric.update(torch.eye(3), torch.zeros(3))
    assert metric.compute().isnan()


@pytest.mark.parametrize("labels", [torch.zeros(4), torch.zeros(3, 1)])
def test_shapes_that_do_not_fit_are_named(labels):
    with pytest.raises(
        InputError, match=r"ARP: embeddings \[3, 3\] and labels \[.*valid: \[B, D\]"
    ):
        ARP().update(torch.eye(3), labels)


class Logged(pl.LightningModule):
    """A module that logs the metric objects, as torchmetrics teaches."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)
        self.nr, self.arp = NRPrecision(), ARP()

    def training_step(self, batch, batch_idx):
        return self.layer(batch[0]).square().mean()

    def validation_step(self, batch, batch_idx):
        embeddings = self.layer(batch[0])
        for name, metric in (("nr", self.nr), ("arp", self.arp)):
            metric.update(embeddings, batch[1])
            self.log(name, metric)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_lightning_logs_the_exact_score_of_every_epoch(labeled, tmp_path):
    images, labels = labeled
    batches = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, labels), batch_size=BATCH
    )
    module = Logged()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, batches, batches)
    with torch.no_grad():
        embeddings = module.layer(images).numpy()
    for name, exact in (("nr", nr_precision), ("arp", arp)):
        value = float(trainer.callback_metrics[name])
        assert value == pytest.approx(exact(embeddings, labels.numpy()), abs=1e-5)


TWO_PROCESSES = """
import sys

import torch
from torch import distributed, multiprocessing

from dmlbench.metrics import ARP, NRPrecision


def work(rank, folder):
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    embeddings, labels = torch.load(f"{folder}/labeled.pt")
    metrics = NRPrecision(), ARP()
    for metric in metrics:
        # The second process has fewer images, in one batch.
        parts = (slice(0, 30), slice(30, 60)) if rank == 0 else (slice(60, 90),)
        for part in parts:
            metric.update(embeddings[part], labels[part])
    torch.save([float(metric.compute()) for metric in metrics], f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    multiprocessing.start_processes(work, (sys.argv[1],), nprocs=2, start_method="fork")
"""


def test_two_processes_each_know_the_value_of_one(labeled, tmp_path):
    script = tmp_path / "two_processes.py"
    script.write_text(TWO_PROCESSES)
    torch.save(labeled, tmp_path / "labeled.pt")
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=240)
    embeddings, labels = labeled
    expected = [nr_precision(embeddings, labels), arp(embeddings, labels)]
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt") == pytest.approx(expected, abs=1e-6)
