"""The commands of dmlbench."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmlbench.cli import leaderboard as cli_leaderboard
from dmlbench.cli import study as cli_study
from dmlbench.cli import train as cli_train
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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")]
NoIntervals = Annotated[
    bool, typer.Option("--no-intervals", help="Leave out the 95 % intervals of the scores.")
]
NoChance = Annotated[
    bool, typer.Option("--no-chance", help="Leave out what permuted labels would score.")
]
Results = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RESULTS",
        help="Folders that evaluate wrote, such as results/*; ./results if none is given.",
        show_default=False,
    ),
]
RESULTS = Path("results")

GroupsFile = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        help="Two groups of models to test, as .csv or .yaml: a model, its name or its loss, and "
        "its group. By default classification against ranking losses.",
    ),
]

Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Of Cars196, CUB-200-2011 and Stanford Online Products: train, test (by default; the "
        "classes that no model is trained on) or all. Of a dataset of dmlgen: one of its splits, "
        "or all (by default).",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="Table of the labels of a folder of images, if it is not in the folder.",
        callback=console.path_or_url,
    ),
]
Properties = Annotated[
    str | None,
    typer.Option(
        "--properties",
        help="YAML or JSON file with the kind (categorical, linear, cyclic, ignore), unit, period "
        "and bins of properties; by default inferred from their values.",
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
            "reality-check:FOLDER or embeddings:FILE; each explained in docs/models.md. "
            "Several models are compared at the end.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="Images: a set that comes with dml-prism (paper, sample, train196), a dataset of "
            "dmlgen (folder or URL), hf://owner/name or hf://owner/name@revision for one of the "
            "Hugging Face Hub, tar shards of a WebDataset (DIR/*.tar, URL/{000..012}.tar), a "
            "folder with labels.csv, metadata.csv or metadata.jsonl, a folder per class, or one of "
            "Cars196, CUB-200-2011 or Stanford Online Products as distributed.",
            show_default="paper",
            callback=console.path_or_url,
        ),
    ] = "package:paper",
    split: Split = None,
    labels: Labels = None,
    properties: Properties = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all results.")] = RESULTS,
    name: Annotated[
        str | None, typer.Option("--name", help="What tables and reports call the model.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", help="Loss the model was trained with, such as arcface.")
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option("--distance", help="Distance that maps explain; by default the loss's own."),
    ] = None,
    maps: Annotated[
        int | None,
        typer.Option(
            "--maps",
            min=0,
            help="Number of images that get a saliency map; 0 makes none. By default 100 on a GPU "
            "or a cluster, and elsewhere as many as fit about five minutes (8 to 100).",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Noisy copies of an image behind a map.")
    ] = 50,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="Of the maps: smoothgrad_paper, smoothgrad, gradient, integrated_gradients, "
            "grad_cam or occlusion.",
        ),
    ] = "smoothgrad_paper",
    precision: Annotated[
        str, typer.Option("--precision", help="Of the model behind the maps: fp32 or bf16.")
    ] = "fp32",
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Images in one pass of the model.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    executor: Annotated[
        str, typer.Option("--executor", help="Who works on the images: local, or ray.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option("--address", help="Of a Ray cluster; 'auto' finds one here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="On Ray, at most; by default all it has.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPUs of each worker; on Ray 1.")
    ] = None,
    seed: Seed = 0,
    input_size: Annotated[
        str | None, typer.Option("--input-size", help="Pixels: 224, or height x width: 224x320.")
    ] = None,
    mean: Annotated[
        str | None, typer.Option("--mean", help="Of the channels: 0.485,0.456,0.406")
    ] = None,
    std: Annotated[str | None, typer.Option("--std", help="Of the channels, as --mean.")] = None,
    bgr: Annotated[
        bool | None, typer.Option("--bgr/--rgb", help="Order of the channels in the model's input.")
    ] = None,
    scale: Annotated[
        int | None, typer.Option("--scale", help="A white pixel before mean and std: 1 or 255.")
    ] = None,
    interpolation: Annotated[
        str | None, typer.Option("--interpolation", help="Resampling: bilinear, bicubic, ...")
    ] = None,
    trust_pickle: Annotated[
        bool,
        typer.Option("--trust-pickle", help="Load a pickled model or a .pt2: runs code in it."),
    ] = False,
    allow_unstable: Annotated[
        bool,
        typer.Option(
            "--allow-unstable",
            help="Measure a model whose embedding of an image changes from pass to pass or with "
            "the batch; the result is marked.",
        ),
    ] = False,
    no_intervals: NoIntervals = False,
    no_chance: NoChance = False,
    as_json: Json = False,
) -> None:
    """Measure models on one dataset: embeddings, property scores, saliency maps.

    Results go to OUT/<model>/<dataset>/; what is there with the same settings is not made again.
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
            "--embeddings", help="[N, D] numbers, a row per image: .npy, .npz, .pt or .parquet."
        ),
    ],
    labels: Annotated[
        Path,
        typer.Option(
            "--labels",
            help="Table with a row per image and a column per property: CSV, TSV, JSON lines or "
            "parquet.",
        ),
    ],
    properties: Properties = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write the scores: .json, .csv, .md or .tex; - for stdout (JSON)."
        ),
    ] = None,
    seed: Seed = 0,
    no_intervals: NoIntervals = False,
    no_chance: NoChance = False,
    as_json: Json = False,
) -> None:
    """Score embeddings from any source by the properties in a table."""
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
        typer.Option("--out", help="Write .json, .csv, .md or .tex; may be given several times."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Which dataset, where there are results of several: as evaluate takes it, or its "
            "fingerprint.",
            callback=console.path_or_url,
        ),
    ] = None,
    groups: GroupsFile = None,
    as_json: Json = False,
) -> None:
    """Compare models on one dataset: do they look at the same pixels, do they learn the same?"""
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
    found = find_results(paths, data)
    grouped = read_groups(groups, found) if groups is not None else None
    with console.progress("compare maps", None, quiet=as_json) as bar:
        comparison = compare_results(found, progress=bar.report, groups=grouped)
    for path in out or ():
        write_comparison(comparison, path)
    if out and Path("-") in out:
        return
    if as_json:
        _print_json(comparison.model_dump(mode="json"))
    else:
        print_comparison(comparison)
        _name_left_out(paths, found)


@app.command()
def report(
    results: Results = None,
    out: Annotated[Path, typer.Option("--out", help="The page.")] = Path("report.html"),
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Where the images are; by default as evaluated.",
            callback=console.path_or_url,
        ),
    ] = None,
    split: Split = None,
    labels: Labels = None,
    properties: Properties = None,
    images: Annotated[
        int, typer.Option("--images", min=0, help="Images that are shown with their maps.")
    ] = 8,
    title: Annotated[str | None, typer.Option("--title", help="Heading of the page.")] = None,
    groups: GroupsFile = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page with the tables, the maps over the images, and all settings."""
    from dmlbench.cli.values import check_file
    from dmlbench.compare import read_groups
    from dmlbench.present import find_dataset, write_report
    from dmlbench.results import find_results
    from dmlbench.sources import open_source

    check_file(out, "--out")
    given = None
    if data is not None:
        given = open_source(data, split=split, labels=labels, properties=properties)
    elif split or labels or properties:
        raise InputError("--split, --labels and --properties go with --data, which is missing")
    paths = results or [RESULTS]
    found = find_results(paths, None if given is None else given.fingerprint)
    dataset = find_dataset(found, given, images)
    grouped = read_groups(groups, found) if groups is not None else None
    with console.progress("compare maps", None, quiet=as_json) as bar:
        write_report(
            found, dataset, out, title=title, images=images, groups=grouped, progress=bar.report
        )
    if str(out) == "-":
        return
    if as_json:
        _print_json({"report": str(out), "models": [result.model for result in found]})
    else:
        _name_left_out(paths, found)
        say(f"report: {out}")


app.command()(cli_train.train)
app.command()(cli_train.export)
app.command()(cli_study.study)
app.command()(cli_leaderboard.submit)
app.command()(cli_leaderboard.leaderboard)


def main() -> None:
    """Entry point of `dmlbench`."""
    console.run(app, "dmlbench")


def _name_left_out(paths: list[Path], found: list[Result]) -> None:
    from dmlbench.results import models_left_out

    names = models_left_out(paths, found)
    if names:
        say(f"note: left out, as they have no results on this dataset: {', '.join(names)}")


def _dataset_line(dataset: ImageSource, given: str) -> str:
    """What is measured on, and where it is: a set of the project may be called like a folder."""
    manifest = dataset.manifest
    origin = dataset.url
    if origin.startswith(PACKAGE):
        origin = f"the set '{origin.removeprefix(PACKAGE)}' that comes with dml-prism"
    elif given in SETS:
        origin = f"the folder ./{given}; the set that comes with dml-prism: {PACKAGE}{given}"
    return f"dataset: {manifest.name}, {manifest.images} images: {origin}"


def _next_command(out: Path, url: str) -> str:
    """The report of what was measured; it opens no URL that it was not given."""
    words = ["dmlbench", "report"]
    words += [] if out == RESULTS else [str(out)]
    words += ["--data", url] if "://" in url else []
    return f"next: {shlex.join(words)}"


def _print_json(content: dict[str, Any]) -> None:
    say(json.dumps(content, indent=1, ensure_ascii=False))
