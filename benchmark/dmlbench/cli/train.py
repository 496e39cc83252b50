"""The commands of dmlbench that make models: train and export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dmldata.common import console
from dmldata.common.console import say

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def train(
    loss: Annotated[
        str, typer.Option("--loss", help="One of the fourteen, as arcface; or none, or random.")
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="Images with classes, as evaluate takes them.",
            callback=console.path_or_url,
        ),
    ],
    split: Annotated[
        str | None, typer.Option("--split", help="By default train, where there is one.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="CSV file of a folder of images.", callback=console.path_or_url
        ),
    ] = None,
    properties: Annotated[
        str | None,
        typer.Option(
            "--properties",
            help="File with the kind of each property.",
            callback=console.path_or_url,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", help="The property that is the class: car_model, class, or this."),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(
            "--trunk",
            help="timm:NAME, timm:NAME?weights=FILE or bn_inception?weights=FILE; by default "
            "EfficientNet-Lite0 with the ImageNet weights of a package.",
        ),
    ] = None,
    fold: Annotated[int, typer.Option("--fold", min=0, help="Which part of the classes.")] = 0,
    folds: Annotated[
        int, typer.Option("--folds", help="Parts of the classes; one validates, the rest trains.")
    ] = 4,
    out: Annotated[Path, typer.Option("--out", help="Folder of models.")] = Path("models"),
    name: Annotated[
        str | None, typer.Option("--name", help="Of the model; by default its loss and fold.")
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            help="Of the hyperparameters: quick (minutes) or reality_check (as published).",
        ),
    ] = "quick",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="At most.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Of an epoch.")] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=16, help="Of the model's input, pixels.")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=2, help="Images in a step.")] = None,
    images_per_class: Annotated[
        int | None, typer.Option("--images-per-class", min=1, help="In a batch.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")] = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=0, help="Processes that prepare batches.")
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="Of the network in training: fp32, bf16 or fp16.")
    ] = "fp32",
    devices: Annotated[
        str, typer.Option("--devices", help="auto, cpu, or how many of them.")
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Train a model with one of the fourteen losses; the same command goes on with it.

    Writes OUT/<loss>-fold<fold>.safetensors, and beside it a folder with the logs (CSV and
    TensorBoard).
    """
    from pydantic import ValidationError

    from dmlbench.cli.values import check_folder
    from dmldata.common.errors import InputError
    from dmldata.common.extras import require_extras
    from dmldata.common.strict import explain

    check_folder(out, "--out")
    require_extras("torch", "pytorch_metric_learning", "lightning", "tensorboard")
    from dmlbench.training import TrainSettings, read_training
    from dmlbench.training import train as train_model
    from dmlbench.training.fit import is_first

    options: dict[str, Any] = {
        "loss": loss,
        "data": data,
        "split": split,
        "labels": labels,
        "properties": properties,
        "label": label,
        "fold": fold,
        "folds": folds,
        "out": out,
        "name": name,
        "profile": profile,
        "epochs": epochs,
        "steps": steps,
        "size": size,
        "batch": batch,
        "images_per_class": images_per_class,
        "seed": seed,
        "workers": workers,
        "precision": precision,
        "devices": devices,
    }
    if trunk is not None:
        options["trunk"] = trunk
    try:
        settings = TrainSettings(**options)
    except ValidationError as error:
        raise InputError(explain(error, TrainSettings)) from None
    said: list[str] = []
    path = train_model(settings, say=said.append if as_json else say, quiet=as_json)
    if not is_first():
        return
    training = read_training(path)
    if as_json:
        result = {"model": str(path), "metrics": training["metrics"], "log": said}
        say(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        _print_metrics(loss, training["metrics"])
        say(f"model: {path}")


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As evaluate takes it.")],
    to: Annotated[str, typer.Option("--to", help="torchscript, pt2 or onnx.")],
    out: Annotated[Path, typer.Option("--out", help="The file: .pt, .pt2 or .onnx.")],
    as_json: Json = False,
) -> None:
    """Write a model in another format, and check that it gives the same embeddings."""
    from dmlbench.cli.values import check_file
    from dmlbench.models.export import export_model

    check_file(out, "--out")
    difference = export_model(model, to, out)
    if as_json:
        say(json.dumps({"file": str(out), "largest_difference": difference}))
    else:
        say(f"model: {out}; its embeddings differ by at most {difference:.1e} of their length")


def _print_metrics(loss: str, metrics: dict[str, Any]) -> None:
    from dmlbench.scores.registry import declared

    rows = [
        (name, f"{row['map_at_r']:.4f}", f"{row['precision_at_1']:.4f}", row["epoch"] or "")
        for name, row in metrics.items()
        if row is not None
    ]
    titles = [declared(key).title for key in ("map_at_r", "precision_at_1")]
    console.table(("network", f"validation {titles[0]}", titles[1], "epoch"), rows)
    trained = metrics["trained"]
    if trained is not None and trained["map_at_r"] <= metrics["untrained"]["map_at_r"]:
        say(
            f"note: {loss} does not beat the untrained network on the validation classes, so it is "
            "not trained yet: more --epochs or --steps, or other learning rates"
        )
