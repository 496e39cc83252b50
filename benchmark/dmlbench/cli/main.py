"""Define the commands of dmlbench and its entry point."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmlbench.cli import leaderboard as cli_leaderboard
from dmlbench.cli import study as cli_study
from dmlbench.cli import train as cli_train
from dmlbench.cli.options import Address, Json
from dmldata.common import console
from dmldata.common.console import say
from dmldata.common.errors import InputError
from dmldata.common.versions import add_version_option
from dmldata.locate import PACKAGE, SETS

if TYPE_CHECKING:
    from dmlbench.results import Result
    from dmlbench.sources import ImageSource

app = typer.Typer(
    no_args_is_help=True,
    help="Measures what deep metric learning models look at, and which properties they learn.",
)
add_version_option(app)

Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of all random choices.")]
NoIntervals = Annotated[
    bool, typer.Option("--no-intervals", help="Do not compute 95 % intervals of the scores.")
]
NoChance = Annotated[
    bool,
    typer.Option(
        "--no-chance",
        help="Do not compute the chance level (permuted labels) of the scores.",
    ),
]
Results = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RESULTS",
        help="Result folders written by 'dmlbench evaluate', for example results/*; by default "
        "./results.",
        show_default=False,
    ),
]
RESULTS = Path("results")

GroupsFile = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        help="CSV or YAML file that assigns models to the two groups to be compared. Each row has "
        "a model (its id, name or loss) and a group. By default, classification losses are "
        "compared with ranking losses.",
    ),
]

Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Split of the dataset. Cars196, CUB-200-2011 and Stanford Online Products: train, "
        "test (the default; the classes that no model is trained on) or all. Datasets rendered by "
        "dmlgen: one of their splits, or all (the default).",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="Table with the labels of a folder of images, if the table is not in that folder.",
        callback=console.path_or_url,
    ),
]
Properties = Annotated[
    str | None,
    typer.Option(
        "--properties",
        help="YAML or JSON file that gives the kind (categorical, linear, cyclic or ignore), unit, "
        "period and bins of each property; by default they are inferred from the values.",
        callback=console.path_or_url,
    ),
]


@app.command()
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="FILE.pt (TorchScript), FILE.pt2, FILE.safetensors, FILE.onnx, timm:NAME, "
            "timm:NAME?weights=FILE, timm:NAME?pretrained=false&seed=0, torchvision:NAME, "
            "hf:FOLDER or hf:owner/name, open_clip:NAME, python:module:function, "
            "reality-check:FOLDER or embeddings:FILE; docs/models.md explains each. "
            "If there are several models, they are compared at the end.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="Dataset to measure on: one that comes with dml-prism (paper, sample, train196), "
            "a dataset rendered by dmlgen (folder or URL), hf://owner/name or "
            "hf://owner/name@revision (Hugging Face Hub), tar shards of a WebDataset (DIR/*.tar, "
            "URL/{000..012}.tar), a folder with labels.csv, metadata.csv or metadata.jsonl, a "
            "folder with one subfolder per class, or Cars196, CUB-200-2011 or Stanford Online "
            "Products as distributed.",
            show_default="paper",
            callback=console.path_or_url,
        ),
    ] = "package:paper",
    split: Split = None,
    labels: Labels = None,
    properties: Properties = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder that receives the result folders of all models.")
    ] = RESULTS,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Name of the model in tables and reports; by default its id without the hash.",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option("--loss", help="Loss that the model was trained with, for example arcface."),
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option(
            "--distance",
            help="Distance between embeddings that the maps explain; by default that of the loss.",
        ),
    ] = None,
    maps: Annotated[
        int | None,
        typer.Option(
            "--maps",
            min=0,
            help="Number of images to compute saliency maps for; 0 computes none. By default 100 "
            "on a GPU or a cluster, and otherwise as many as take about five minutes (8 to 100).",
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            "--samples",
            min=1,
            help="Number of noisy copies per image that a saliency map averages over.",
        ),
    ] = 50,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="Saliency method: smoothgrad_paper, smoothgrad, gradient, integrated_gradients, "
            "grad_cam or occlusion.",
        ),
    ] = "smoothgrad_paper",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Precision of the model while it computes saliency maps: fp32 or bf16.",
        ),
    ] = "fp32",
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            help="Number of images per forward pass of the model; by default 32 for embeddings, "
            "and for maps a number that suits the device.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="Device that runs the model: auto, cpu, cuda or mps.")
    ] = "auto",
    executor: Annotated[
        str,
        typer.Option(
            "--executor", help="Where to run: local (this machine) or ray (a Ray cluster)."
        ),
    ] = "local",
    address: Address = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Maximum number of Ray workers; by default as many as the cluster has room for.",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            help="Number of CPU threads per worker; by default 1 on Ray, else chosen by PyTorch.",
        ),
    ] = None,
    seed: Seed = 0,
    input_size: Annotated[
        str | None,
        typer.Option(
            "--input-size",
            help="Input size of the model in pixels: 224, or height x width as 224x320.",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            "--mean",
            help="Mean of each channel for normalizing the input, as 0.485,0.456,0.406.",
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(
            "--std",
            help="Standard deviation of each channel for normalizing the input, as --mean.",
        ),
    ] = None,
    bgr: Annotated[
        bool | None,
        typer.Option(
            "--bgr/--rgb",
            help="Order of the channels in the model's input: blue first or red first.",
        ),
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale",
            help="Value of a white pixel before mean and standard deviation are applied: 1 or 255.",
        ),
    ] = None,
    interpolation: Annotated[
        str | None,
        typer.Option(
            "--interpolation", help="Interpolation for resizing images: bilinear, bicubic, ..."
        ),
    ] = None,
    trust_pickle: Annotated[
        bool,
        typer.Option(
            "--trust-pickle",
            help="Load a pickled model or a .pt2 file, which can run code that it contains.",
        ),
    ] = False,
    allow_unstable: Annotated[
        bool,
        typer.Option(
            "--allow-unstable",
            help="Measure a model even if its embedding of an image changes from pass to pass or "
            "with the batch; the result is marked as unstable.",
        ),
    ] = False,
    no_intervals: NoIntervals = False,
    no_chance: NoChance = False,
    as_json: Json = False,
) -> None:
    """Measure models on one dataset: embeddings, property scores, saliency maps.

    Results are written to OUT/<model>/<dataset>/. Parts that exist there with the same settings
    are reused.
    """
    from dmlbench.cli.values import channels, check_folder, pixels
    from dmlbench.compare import compare_results
    from dmlbench.evaluate.executor import check_executor
    from dmlbench.evaluate.several import evaluate_models
    from dmlbench.models.execution import pick_device
    from dmlbench.present.comparison_tables import print_comparison
    from dmlbench.present.result_tables import print_result
    from dmlbench.results.files import Settings
    from dmlbench.saliency import check_precision, method_named
    from dmlbench.sources import open_source

    settings = Settings(
        seed=seed,
        intervals=not no_intervals,
        chance=not no_chance,
        maps=maps,
        samples=samples,
        method=method,
        precision=precision,
        batch_size=batch_size,
        device=device,
    )
    options: dict[str, Any] = {
        "loss": loss,
        "distance": distance,
        "input_size": pixels(input_size, "--input-size"),
        "mean": channels(mean, "--mean"),
        "std": channels(std, "--std"),
        "bgr": bgr,
        "scale": scale,
        "interpolation": interpolation,
        "trust_pickle": trust_pickle,
        "seed": seed,
        "allow_unstable": allow_unstable,
    }
    check_folder(out, "--out")
    check_executor(executor, address, workers)
    if name is not None and len(models) > 1:
        raise InputError(f"--name {name}: names one model, and {len(models)} are given")
    dataset = open_source(data, split=split, labels=labels, properties=properties)
    if executor == "local":
        pick_device(device)
    method_named(method)
    check_precision(precision)
    said: list[str] = []
    tell = said.append if as_json else say
    tell(_dataset_line(dataset, data))
    results = []
    for result in evaluate_models(
        models,
        dataset,
        out,
        settings,
        options,
        executor=executor,
        cluster={"address": address, "workers": workers, "threads": threads, "device": device},
        name=name,
        say=tell,
        quiet=as_json,
    ):
        results.append(result)
        if not as_json:
            print_result(result)
    if len(results) == 1:
        if as_json:
            _print_json(results[0].as_json() | {"log": said})
        else:
            say(_next_command(out, dataset.url))
        return
    with console.progress("compare maps", None, quiet=as_json) as bar:
        comparison = compare_results(results, progress=bar.report)
    if as_json:
        everything = {
            "results": [result.as_json() for result in results],
            "comparison": comparison.model_dump(mode="json"),
            "log": said,
        }
        _print_json(everything)
    else:
        print_comparison(comparison)
        say(_next_command(out, dataset.url))


@app.command()
def score(
    embeddings: Annotated[
        Path,
        typer.Option(
            "--embeddings",
            help="File with an array [N, D], one row per image: .npy, .npz, .pt or .parquet.",
        ),
    ],
    labels: Annotated[
        Path,
        typer.Option(
            "--labels",
            help="Table with one row per image, in the order of the embeddings, and one column per "
            "property: CSV, TSV, JSON lines or Parquet.",
        ),
    ],
    properties: Properties = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write the scores to: .json, .csv, .md or .tex; - writes JSON to stdout.",
        ),
    ] = None,
    seed: Seed = 0,
    no_intervals: NoIntervals = False,
    no_chance: NoChance = False,
    as_json: Json = False,
) -> None:
    """Compute property scores of embeddings from any source, with labels from a table."""
    from dmlbench.cli.values import check_file
    from dmlbench.evaluate.score_files import score_files
    from dmlbench.present.result_tables import print_scores
    from dmlbench.present.score_files import check_suffix, write_scores

    check_file(out, "--out")
    if out is not None:
        check_suffix(out)
    with console.progress("score properties", None, quiet=as_json) as bar:
        scores = score_files(
            embeddings,
            labels,
            properties=properties,
            seed=seed,
            intervals=not no_intervals,
            chance=not no_chance,
            progress=bar.report,
        )
    if out is not None:
        write_scores(scores, out)
    if str(out) == "-":
        return
    if as_json:
        _print_json(scores.model_dump(mode="json"))
    else:
        print_scores(scores)


@app.command()
def compare(
    results: Results = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            help="File to write the comparison to: .json, .csv, .md or .tex; can be repeated.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Dataset to compare on, if there are results on several: its fingerprint, or as "
            "for 'dmlbench evaluate --data'.",
            callback=console.path_or_url,
        ),
    ] = None,
    groups: GroupsFile = None,
    as_json: Json = False,
) -> None:
    """Compare models on one dataset: their property scores and their saliency maps."""
    from dmlbench.cli.values import check_file
    from dmlbench.compare import compare_results, read_groups
    from dmlbench.present.comparison_files import check_suffix, write_comparison
    from dmlbench.present.comparison_tables import print_comparison
    from dmlbench.results import find_results, is_fingerprint
    from dmlbench.sources import open_source

    for path in out or ():
        check_file(path, "--out")
        check_suffix(path)
    if data is not None and not is_fingerprint(data):
        data = open_source(data).fingerprint
    paths = results or [RESULTS]
    loaded = find_results(paths, data)
    grouped = read_groups(groups, loaded) if groups is not None else None
    with console.progress("compare maps", None, quiet=as_json) as bar:
        comparison = compare_results(loaded, progress=bar.report, groups=grouped)
    for path in out or ():
        write_comparison(comparison, path)
    if out and Path("-") in out:
        return
    if as_json:
        _print_json(comparison.model_dump(mode="json"))
    else:
        print_comparison(comparison)
        _name_left_out(paths, loaded)


@app.command()
def report(
    results: Results = None,
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")] = Path("report.html"),
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Dataset that the shown images are read from, as for 'dmlbench evaluate --data'; "
            "by default the one that the models were evaluated on.",
            callback=console.path_or_url,
        ),
    ] = None,
    split: Split = None,
    labels: Labels = None,
    properties: Properties = None,
    images: Annotated[
        int,
        typer.Option("--images", min=0, help="Number of images to show with their saliency maps."),
    ] = 8,
    title: Annotated[str | None, typer.Option("--title", help="Title of the page.")] = None,
    groups: GroupsFile = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page with all tables, saliency maps over images, and all settings."""
    from dmlbench.cli.values import check_file
    from dmlbench.compare import read_groups
    from dmlbench.present import find_dataset, write_report
    from dmlbench.results import find_results
    from dmlbench.sources import open_source

    check_file(out, "--out")
    source = None
    if data is not None:
        source = open_source(data, split=split, labels=labels, properties=properties)
    elif split or labels or properties:
        raise InputError("--split, --labels and --properties need --data, which is missing")
    paths = results or [RESULTS]
    loaded = find_results(paths, None if source is None else source.fingerprint)
    dataset = find_dataset(loaded, source, images)
    grouped = read_groups(groups, loaded) if groups is not None else None
    with console.progress("compare maps", None, quiet=as_json) as bar:
        write_report(
            loaded, dataset, out, title=title, images=images, groups=grouped, progress=bar.report
        )
    if str(out) == "-":
        return
    if as_json:
        _print_json({"report": str(out), "models": [result.model for result in loaded]})
    else:
        _name_left_out(paths, loaded)
        say(f"report: {out}")


app.command()(cli_train.train)
app.command()(cli_train.export)
app.command()(cli_study.study)
app.command()(cli_leaderboard.submit)
app.command()(cli_leaderboard.leaderboard)


def main() -> None:
    """Run the command line of `dmlbench`."""
    console.run(app, "dmlbench")


def _name_left_out(paths: list[Path], loaded: list[Result]) -> None:
    from dmlbench.results import models_left_out

    names = models_left_out(paths, loaded)
    if names:
        say(f"note: left out, as they have no results on this dataset: {', '.join(names)}")


def _dataset_line(dataset: ImageSource, data: str) -> str:
    """Return the line that says which dataset is used; a folder may be called like a set."""
    manifest = dataset.manifest
    origin = dataset.url
    if origin.startswith(PACKAGE):
        origin = f"the set '{origin.removeprefix(PACKAGE)}' that comes with dml-prism"
    elif data in SETS:
        origin = f"the folder ./{data}; the set that comes with dml-prism: {PACKAGE}{data}"
    return f"dataset: {manifest.name}, {manifest.images} images: {origin}"


def _next_command(out: Path, url: str) -> str:
    """Return the report command for these results; a report never opens a URL unasked."""
    words = ["dmlbench", "report"]
    words += [] if out == RESULTS else [str(out)]
    words += ["--data", url] if "://" in url else []
    return f"next: {shlex.join(words)}"


def _print_json(content: dict[str, Any]) -> None:
    say(json.dumps(content, indent=1, ensure_ascii=False))
