"""The examples of docs/monitoring.md run as they stand, on a small dataset and network."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter

import dmlbench
from dmlbench.models import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports

ensure_torchvision_imports()
pl = pytest.importorskip("lightning.pytorch")

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


class Module(pl.LightningModule):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def training_step(self, batch, batch_idx):
        return self.encoder(batch[0]).square().mean()

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Logger:
    def __init__(self):
        self.lines = []

    def log(self, scores):
        self.lines.append(scores)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example, shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    dataset = TensorDataset(torch.rand(24, 3, 32, 32), torch.arange(24) % 4)
    logger, writer = Logger(), SummaryWriter(tmp_path / "events")
    names = {
        "dmlbench": dmlbench,
        "preprocessing": Preprocessing(input_size=32),
        "network": network,
        "module": Module(network),
        "train_one_epoch": lambda network: None,
        "epochs": 2,
        "epoch": 1,
        "logger": logger,
        "writer": writer,
        "train_loader": DataLoader(dataset, batch_size=8),
        "val_loader": DataLoader(dataset, batch_size=8),
        "val_dataset": dataset,
    }
    on_shapes = example.replace('"paper"', repr(str(shapes)))
    exec(on_shapes, names)
    writer.close()
    if "logger.log" in example:
        assert len(logger.lines) == 2
    if "callbacks" in example:
        assert len(names["monitor"].history) == 1
