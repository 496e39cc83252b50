"""The monitor in Lightning's own trainer: what its loggers and checkpoints then hold."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import dmlbench
from dmlbench.models import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmldata.common.errors import InputError

ensure_torchvision_imports()
pytest.importorskip("lightning")

import lightning.pytorch as pl  # noqa: E402
from lightning.fabric import Fabric  # noqa: E402
from lightning.pytorch.callbacks import ModelCheckpoint  # noqa: E402
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger  # noqa: E402
from lightning.pytorch.strategies import ModelParallelStrategy  # noqa: E402

HUE, STRIP = "nr_precision/paint_hue", "saliency_maps"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


class Plain(pl.LightningModule):
    """A network that learns something of noise."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )

    def forward(self, images):
        return self.encoder(images)

    def training_step(self, batch, batch_idx):
        return self(batch).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.5)


class Validated(Plain):
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self(batch).square().mean())


class TwoOptimizers(Validated):
    """As with a loss that has parameters: `global_step` counts both."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        self.manual_backward(super().training_step(batch, batch_idx))
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(self.parameters(), 0.1) for _ in range(2)]


def monitored(data, **options):
    small = Preprocessing(input_size=32, resize=(36, 36))
    return dmlbench.PropertyMonitor(
        data, preprocessing=small, samples=2, map_images=2, batch_size=12, **options
    )


def fit(module, folder, *callbacks, epochs=2, checkpoint=None, **options):
    images = torch.utils.data.DataLoader(torch.rand(8, 3, 32, 32), batch_size=2)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=list(callbacks),
        default_root_dir=folder,
        **quiet,
        **options,
    )
    trainer.fit(module, images, images, ckpt_path=checkpoint)
    return trainer


def rows_of(logger, column):
    """Epoch, step and value of the rows of a CSV log that have this column."""
    with (Path(logger.log_dir) / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get(column)]
    return [(int(row["epoch"]), int(row["step"]), float(row[column])) for row in rows]


def test_a_network_of_fabric_is_measured_in_full_precision(shapes):
    network = Plain().encoder
    monitor = monitored(shapes)
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    assert monitor(fabric.setup(network)) == monitor(network)


class MadeInSetup(Plain):
    """Its network is there once Lightning has called its `setup`, after those of callbacks."""

    def setup(self, stage):
        self.late = self.encoder


def test_a_network_may_be_made_in_setup(shapes, tmp_path):
    callback = dmlbench.PropertyMonitorCallback(monitored(shapes), network="late")
    fit(MadeInSetup(), tmp_path, callback, epochs=1, logger=False)
    assert len(callback.monitor.history) == 1
    with pytest.raises(
        InputError, match=r"network 'later': .*valid: the name of a submodule, such"
    ):
        fit(Plain(), tmp_path, dmlbench.PropertyMonitorCallback(monitored(shapes), network="later"))


@pytest.mark.parametrize("kind", [Plain, Validated, TwoOptimizers])
def test_every_logger_gets_scores_and_strips_at_one_step(shapes, tmp_path, kind):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    loggers = [CSVLogger(tmp_path), TensorBoardLogger(tmp_path)]
    monitor = monitored(shapes, maps_every=1)
    fit(kind(), tmp_path, dmlbench.PropertyMonitorCallback(monitor), logger=loggers)
    frame = monitor.to_frame()
    logged = rows_of(loggers[0], HUE)
    assert [epoch for epoch, _, _ in logged] == [0, 1]
    assert [step for _, step, _ in logged] == frame.index.tolist()
    assert [value for _, _, value in logged] == pytest.approx(frame[HUE].tolist(), abs=1e-5)
    events = EventAccumulator(loggers[1].log_dir).Reload()
    assert set(frame.columns) <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars(HUE)] == frame.index.tolist()
    images = events.Images(STRIP)
    assert [image.step for image in images] == frame.index.tolist()
    shown = np.asarray(Image.open(io.BytesIO(images[-1].encoded_image_string)))
    np.testing.assert_array_equal(shown, monitor.map_strip)


def test_checkpoints_are_chosen_by_a_property_and_continue_the_history(shapes, tmp_path):
    def callbacks():
        best = ModelCheckpoint(tmp_path, "best", monitor=HUE, mode="max", save_last=True)
        return dmlbench.PropertyMonitorCallback(monitored(shapes, every=2)), best

    first, best = callbacks()
    fit(Validated(), tmp_path, first, best, logger=False, epochs=3)
    frame = first.monitor.to_frame()
    assert len(frame) == 2
    assert float(best.best_model_score) == pytest.approx(frame[HUE].max(), abs=1e-5)
    resumed, _ = callbacks()
    checkpoint = tmp_path / "last.ckpt"
    fit(Validated(), tmp_path, resumed, logger=False, epochs=5, checkpoint=checkpoint)
    continued = resumed.monitor.to_frame()
    assert continued.index.tolist() == [3, 11, 19]
    assert continued.iloc[:2].equals(frame)


def test_two_monitors_watch_two_parts_of_a_network_under_two_prefixes(shapes, tmp_path):
    logger = CSVLogger(tmp_path)
    whole = dmlbench.PropertyMonitorCallback(monitored(shapes))
    early = dmlbench.PropertyMonitorCallback(
        monitored(shapes, scores=["arp"]), network="encoder", prefix="encoder/"
    )
    fit(Validated(), tmp_path, whole, early, logger=logger)
    assert len(rows_of(logger, HUE)) == 2
    assert len(rows_of(logger, "encoder/arp/paint_hue")) == 2
    misspelled = dmlbench.PropertyMonitorCallback(monitored(shapes), network="encodr")
    with pytest.raises(InputError, match=r"network 'encodr': .*valid: .*encoder"):
        fit(Validated(), tmp_path, misspelled, logger=False)


def test_a_network_that_is_split_over_processes_is_refused(shapes, tmp_path):
    callback = dmlbench.PropertyMonitorCallback(monitored(shapes))
    trainer = pl.Trainer(
        strategy=ModelParallelStrategy(), accelerator="cpu", devices=1, default_root_dir=tmp_path
    )
    with pytest.raises(InputError, match="ModelParallelStrategy: no process holds the whole"):
        callback.setup(trainer, Plain(), "fit")


def test_a_validation_outside_of_a_training_measures_nothing(shapes, tmp_path):
    callback = dmlbench.PropertyMonitorCallback(monitored(shapes))
    trainer = fit(Validated(), tmp_path, callback, logger=False, epochs=1)
    trainer.validate(Validated(), torch.rand(4, 1, 3, 32, 32), verbose=False)
    assert len(callback.monitor.history) == 1


def test_weights_and_biases_gets_scores_and_strips_offline(shapes, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for variable in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{variable}_DIR", str(tmp_path / variable))
    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = WandbLogger(save_dir=tmp_path, offline=True)
    monitor = monitored(shapes, maps_every=1)
    fit(Validated(), tmp_path, dmlbench.PropertyMonitorCallback(monitor), logger=logger)
    summary = logger.experiment.summary
    assert summary[HUE] == pytest.approx(monitor.to_frame()[HUE].iloc[-1], abs=1e-5)
    strip = summary[STRIP]
    logger.experiment.finish()
    pictures = sorted(tmp_path.glob(f"wandb/offline-run-*/files/media/images/{STRIP}*.png"))
    assert len(pictures) == 2
    assert strip["_type"] == "images/separated"
    assert any(
        np.array_equal(np.asarray(Image.open(picture).convert("RGB")), monitor.map_strip)
        for picture in pictures
    )


DISTRIBUTED = """
import json, sys
from pathlib import Path

from fitting import Validated, fit, monitored
from lightning.pytorch.loggers import CSVLogger
import dmlbench

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    callback = dmlbench.PropertyMonitorCallback(monitored(sys.argv[1], maps_every=1))
    trainer = fit(
        Validated(), folder, callback, logger=CSVLogger(folder), strategy="ddp", devices=2
    )
    outcome = {
        "history": callback.monitor.history,
        "logged": {name: float(value) for name, value in trainer.callback_metrics.items()},
        "decoded": callback.monitor._read is not None,
    }
    (folder / f"{trainer.global_rank}.json").write_text(json.dumps(outcome))
"""


def test_of_several_processes_the_first_measures_and_all_know_the_scores(shapes, tmp_path):
    script = tmp_path / "distributed.py"
    script.write_text(DISTRIBUTED)
    shutil.copy(__file__, tmp_path / "fitting.py")
    subprocess.run([sys.executable, script, shapes, tmp_path], check=True, timeout=240)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert len(first["history"]) == 2
    assert second["history"] == []
    assert first["decoded"]
    assert not second["decoded"]
    scores = {name for name in first["logged"] if "/" in name}
    assert len(scores) == 5
    assert all(first["logged"][name] == second["logged"][name] for name in scores)
    assert first["logged"][HUE] == pytest.approx(first["history"][-1][HUE], abs=1e-5)
