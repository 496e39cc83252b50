"""Define the commands dmlbench train and dmlbench export."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from dmlbench.cli.options import LabelOptions, Seed
from dmlbench.losses import LOSSES
from dmldata.common.commandline import path_or_url
from dmldata.common.option_groups import expand_options
from dmldata.common.options import AsJson
from dmldata.common.output import print_rows, say


@dataclass(frozen=True)
class ProfileOptions:
    """Values that replace those of the profile."""

    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", min=1, help="Maximum number of epochs; by default that of the profile."
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, help="Number of steps per epoch; by default that of the profile."
        ),
    ] = None
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=16,
            help="Height and width of the model's input in pixels; by default that of the profile.",
        ),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch", min=2, help="Number of images per batch; by default that of the profile."
        ),
    ] = None
    images_per_class: Annotated[
        int | None,
        typer.Option(
            "--images-per-class",
            min=1,
            help="Number of images of each class in a batch; by default that of the profile.",
        ),
    ] = None
    numbers: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=NUMBER",
            help="Another number of the profile, for example loss.margin=0.2 or "
            "network.trunk_lr=3e-4; may be repeated.",
        ),
    ] = None


@expand_options
def train(
    *,
    loss: Annotated[
        str,
        typer.Option(
            "--loss",
            help=f"Loss to train with: {', '.join(LOSSES)} (none and random are the untrained "
            "controls); or a function of yours, python:module:function.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="Dataset with classes to train on, as for 'dmlbench evaluate --data'.",
            callback=path_or_url,
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option("--split", help="Split to train on; by default train, if the dataset has it."),
    ] = None,
    label_options: LabelOptions,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", help="Property to use as the class; by default car_model or class."
        ),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(
            "--trunk",
            help="Network to start from: timm:NAME, timm:NAME?weights=FILE or "
            "bn_inception?weights=FILE; by default EfficientNet-Lite0 with ImageNet weights from "
            "an installed package.",
        ),
    ] = None,
    fold: Annotated[
        int,
        typer.Option(
            "--fold", min=0, help="Index of the fold whose classes validate the model, from 0."
        ),
    ] = 0,
    folds: Annotated[
        int,
        typer.Option(
            "--folds", help="Number of folds of the classes; one validates, the others train."
        ),
    ] = 4,
    out: Annotated[Path, typer.Option("--out", help="Folder to write the model to.")] = Path(
        "models"
    ),
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model; by default its loss and fold.")
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            help="Set of hyperparameters: quick (minutes) or reality_check (as published).",
        ),
    ] = "quick",
    changes: ProfileOptions,
    checkpoints: Annotated[
        int,
        typer.Option(
            "--checkpoints",
            min=0,
            help="Number of epochs whose models are kept in OUT/<loss>-fold<fold>/checkpoints, "
            "log-spaced from the first to the last.",
        ),
    ] = 0,
    seed: Seed = 0,
    start_seed: Annotated[
        int | None,
        typer.Option(
            "--start-seed",
            min=0,
            help="Seed of the network that training begins with; the default is that of --seed.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="Number of processes that prepare batches; 0 prepares them in this process.",
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            "--precision", help="Precision of the network in training: fp32, bf16 or fp16."
        ),
    ] = "fp32",
    devices: Annotated[
        str,
        typer.Option("--devices", help="Devices to train on: auto, cpu, or the number of GPUs."),
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a model with a loss of deep metric learning; the same command resumes the training.

    Writes OUT/<loss>-fold<fold>.safetensors and, next to it, a folder with the logs (CSV and
    TensorBoard).
    """
    from pydantic import ValidationError

    from dmlbench.cli.values import check_folder
    from dmldata.common.errors import InputError
    from dmldata.common.extras import require_extras
    from dmldata.common.strict import explain

    check_folder(out, "--out")
    require_extras("torch", "pytorch_metric_learning", "lightning", "tensorboard")
    from dmlbench.training import TrainSettings, read_checkpoints, read_training
    from dmlbench.training import train as train_model
    from dmlbench.training.fit import is_first
    from dmlbench.training.trunks import DEFAULT_TRUNK

    by_name: dict[str, object] = {
        "loss": loss,
        "data": data,
        "split": split,
        "label": label,
        "trunk": trunk or DEFAULT_TRUNK,
        "fold": fold,
        "folds": folds,
        "out": out,
        "name": name,
        "profile": profile,
        "checkpoints": checkpoints,
        "seed": seed,
        "start_seed": start_seed,
        "workers": workers,
        "precision": precision,
        "devices": devices,
        **vars(label_options),
        **{name: value for name, value in vars(changes).items() if name != "numbers"},
        "hyperparameters": dict(map(_named_number, changes.numbers or ())),
    }
    try:
        settings = TrainSettings.model_validate(by_name)
    except ValidationError as error:
        raise InputError(explain(error, TrainSettings)) from None
    said: list[str] = []
    path = train_model(settings, say=said.append if as_json else say, quiet=as_json)
    if not is_first():
        return
    training = read_training(path)
    if as_json:
        result = {"model": str(path), "metrics": training["metrics"], "log": said}
        result |= {"checkpoints": [str(checkpoint.file) for checkpoint in read_checkpoints(path)]}
        say(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        _print_metrics(loss, training["metrics"])
        for checkpoint in read_checkpoints(path):
            say(f"checkpoint: {checkpoint.file}: validation MAP@R {checkpoint.map_at_r:.4f}")
        say(f"model: {path}")


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Model to export, as for 'dmlbench evaluate'.")
    ],
    to: Annotated[str, typer.Option("--to", help="Format to write: torchscript, pt2 or onnx.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: .pt, .pt2 or .onnx.")],
    as_json: AsJson = False,
) -> None:
    """Convert a model to another format and check that it gives the same embeddings."""
    from dmlbench.cli.values import check_file
    from dmlbench.models.export import export_model

    check_file(out, "--out")
    difference = export_model(model, to, out)
    if as_json:
        say(json.dumps({"file": str(out), "largest_difference": difference}))
    else:
        say(f"model: {out}; its embeddings differ by at most {difference:.1e} of their length")


def _named_number(text: str) -> tuple[str, float]:
    from dmldata.common.errors import InputError

    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise InputError(f"--set {text}: valid: NAME=NUMBER, such as loss.margin=0.2") from None


def _print_metrics(loss: str, metrics: dict[str, Any]) -> None:
    from dmlbench.scores.registry import declared

    rows = [
        (name, f"{row['map_at_r']:.4f}", f"{row['precision_at_1']:.4f}", row["epoch"] or "")
        for name, row in metrics.items()
        if row is not None
    ]
    titles = [declared(key).title for key in ("map_at_r", "precision_at_1")]
    print_rows(("network", f"validation {titles[0]}", titles[1], "epoch"), rows)
    trained = metrics["trained"]
    if trained is not None and trained["map_at_r"] <= metrics["untrained"]["map_at_r"]:
        say(
            f"note: {loss} does not beat the untrained network on the validation classes, so it is "
            "not trained yet; try more --epochs or --steps, or other learning rates"
        )
