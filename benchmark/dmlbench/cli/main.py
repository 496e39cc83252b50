"""Define the commands of dmlbench and its entry point."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmlbench.cli import explain as cli_explain
from dmlbench.cli import leaderboard as cli_leaderboard
from dmlbench.cli import study as cli_study
from dmlbench.cli import train as cli_train
from dmlbench.cli.options import (
    RESULTS,
    ClusterOptions,
    DatasetOptions,
    DeviceOptions,
    GroupsFile,
    MapOptions,
    ModelArguments,
    Properties,
    Results,
    ScoreOptions,
)
from dmldata.common.commandline import path_or_url, run_app
from dmldata.common.errors import InputError
from dmldata.common.option_groups import expand_options
from dmldata.common.options import AsJson
from dmldata.common.output import say
from dmldata.common.progress import progress_bar
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


@app.command()
@expand_options
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
    *,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="Dataset to measure on: one that comes with dml-prism (paper, sample, train196), "
            "a dataset rendered by dmlgen (folder or URL), hf://owner/name or "
            "hf://owner/name@revision (Hugging Face Hub), tar shards of a WebDataset (DIR/*.tar, "
            "URL/{000..012}.tar), a folder with labels.csv, metadata.csv or metadata.jsonl, a "
            "folder with one subfolder per class, or Cars196, CUB-200-2011 or Stanford Online "
            "Products as distributed. A folder of the name of a set comes before the set, "
            "which package:paper names.",
            show_default="paper",
            callback=path_or_url,
        ),
    ] = "package:paper",
    dataset: DatasetOptions,
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
    model: ModelArguments,
    scores: ScoreOptions,
    map_options: MapOptions,
    on: DeviceOptions,
    cluster: ClusterOptions,
    as_json: AsJson = False,
) -> None:
    """Measure models on one dataset: embeddings, property scores, saliency maps.

    Results are written to OUT/<model>/<dataset>/. Parts that exist there with the same settings
    are reused.
    """
    from dmlbench.cli.values import check_folder, noisy_copies
    from dmlbench.comparison import compare_results
    from dmlbench.evaluation.executor_settings import ExecutorSettings
    from dmlbench.evaluation.several import evaluate_models
    from dmlbench.models.execution import pick_device
    from dmlbench.present.comparison_tables import print_comparison
    from dmlbench.present.documents import json_text
    from dmlbench.present.measurements import measurements_of
    from dmlbench.present.result_tables import print_result
    from dmlbench.results.files import Settings
    from dmlbench.saliency import method_named, resolve_precision
    from dmlbench.sources import open_source

    samples = noisy_copies(map_options.samples, "--samples")
    settings = Settings(**vars(scores), **(vars(map_options) | {"samples": samples}), **vars(on))
    options = model.parse(scores.seed)
    check_folder(out, "--out")
    executor = ExecutorSettings(**vars(cluster))
    if name is not None and len(models) > 1:
        raise InputError(f"--name {name}: names one model, and {len(models)} are given")
    images = open_source(data, **vars(dataset))
    device = pick_device("cpu" if executor.on_ray else settings.device)
    method_named(settings.method)
    resolve_precision(settings.precision, device)
    said: list[str] = []
    tell = said.append if as_json else say
    tell(_dataset_line(images, data))
    results = []
    for result in evaluate_models(
        models,
        images,
        out,
        settings,
        options,
        executor=executor,
        name=name,
        say=tell,
        quiet=as_json,
    ):
        results.append(result)
        if not as_json:
            print_result(result)
    comparison = None
    if len(results) > 1:
        with progress_bar("compare maps", None, quiet=as_json) as bar:
            comparison = compare_results(results, progress=bar.report)
    if as_json:
        say(json_text(measurements_of(results, comparison, said)))
        return
    if comparison is not None:
        print_comparison(comparison)
    say(_next_command(out, images.url))


@app.command()
@expand_options
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
    *,
    properties: Properties = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write the scores to: .json, .csv, .md or .tex; - writes JSON to stdout.",
        ),
    ] = None,
    options: ScoreOptions,
    as_json: AsJson = False,
) -> None:
    """Compute property scores of embeddings from any source, with labels from a table."""
    from dmlbench.cli.values import check_file
    from dmlbench.evaluation.score_files import score_files
    from dmlbench.present.documents import check_suffix, json_text, write_document
    from dmlbench.present.result_tables import print_scores, score_document
    from dmlbench.scores.options import ScoreSettings

    check_file(out, "--out")
    if out is not None:
        check_suffix(out)
    with progress_bar("score properties", None, quiet=as_json) as bar:
        settings = ScoreSettings(**vars(options), progress=bar.report)
        scores = score_files(embeddings, labels, settings, properties=properties)
    document = score_document(scores)
    if out is not None:
        write_document(document, out)
    if str(out) == "-":
        return
    if as_json:
        say(json_text(document.content))
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
            callback=path_or_url,
        ),
    ] = None,
    groups: GroupsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare models on one dataset: their property scores and their saliency maps."""
    from dmlbench.cli.values import check_file
    from dmlbench.comparison import compare_results, read_groups
    from dmlbench.present.comparison_files import comparison_document
    from dmlbench.present.comparison_tables import print_comparison
    from dmlbench.present.documents import check_suffix, json_text, write_document
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
    with progress_bar("compare maps", None, quiet=as_json) as bar:
        comparison = compare_results(loaded, progress=bar.report, groups=grouped)
    document = comparison_document(comparison)
    for path in out or ():
        write_document(document, path)
    if out and Path("-") in out:
        return
    if as_json:
        say(json_text(document.content))
    else:
        print_comparison(comparison)
        _name_left_out(paths, loaded)


@app.command()
@expand_options
def report(
    results: Results = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")] = Path("report.html"),
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Dataset that the shown images are read from, as for 'dmlbench evaluate --data'; "
            "by default the one that the models were evaluated on.",
            callback=path_or_url,
        ),
    ] = None,
    dataset: DatasetOptions,
    images: Annotated[
        int,
        typer.Option(
            "--images",
            min=0,
            help="Number of images to show with their saliency maps, and of pairs of each model.",
        ),
    ] = 8,
    title: Annotated[str | None, typer.Option("--title", help="Title of the page.")] = None,
    groups: GroupsFile = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page with all tables, saliency maps over images, and all settings."""
    from dmlbench.cli.values import check_file
    from dmlbench.comparison import read_groups
    from dmlbench.present import find_dataset, write_report
    from dmlbench.results import find_results
    from dmlbench.sources import open_source

    check_file(out, "--out")
    source = None
    if data is not None:
        source = open_source(data, **vars(dataset))
    elif dataset != DatasetOptions():
        raise InputError("--split, --labels and --properties need --data, which is missing")
    paths = results or [RESULTS]
    loaded = find_results(paths, None if source is None else source.fingerprint)
    shown = find_dataset(loaded, source, images)
    grouped = read_groups(groups, loaded) if groups is not None else None
    with progress_bar("compare maps", None, quiet=as_json) as bar:
        write_report(
            loaded, shown, out, title=title, images=images, groups=grouped, progress=bar.report
        )
    if str(out) == "-":
        return
    if as_json:
        say(json.dumps({"report": str(out), "models": [result.model for result in loaded]}))
    else:
        _name_left_out(paths, loaded)
        say(f"report: {out}")


app.command()(cli_explain.explain)
app.command()(cli_train.train)
app.command()(cli_train.export)
app.command()(cli_study.study)
app.command()(cli_leaderboard.submit)
app.command()(cli_leaderboard.leaderboard)


def main() -> None:
    """Run the command line of `dmlbench`."""
    run_app(app, "dmlbench")


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
