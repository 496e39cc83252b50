"""Options that several commands have, and groups of options that belong together.

A command takes a group as one argument; see `expand_options`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmlbench.losses import DISTANCES, LOSSES
from dmldata.common.commandline import path_or_url
from dmldata.common.options import Address, ExecutorName

if TYPE_CHECKING:
    from dmlbench.models.options import ModelOptions

RESULTS = Path("results")
"""Folder of results that no option names."""

Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of all random choices.")]
Results = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="RESULTS",
        help="Result folders written by 'dmlbench evaluate', for example results/*; by default "
        "./results.",
        show_default=False,
    ),
]
GroupsFile = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        help="CSV or YAML file that assigns models to the two groups to be compared. Each row has "
        "a model (its id, name or loss) and a group. By default, classification losses are "
        "compared with ranking losses.",
    ),
]


Properties = Annotated[
    str | None,
    typer.Option(
        "--properties",
        help="YAML or JSON file that gives the kind (categorical, linear, cyclic or ignore), unit, "
        "period and bins of each property; by default they are inferred from the values.",
        callback=path_or_url,
    ),
]


@dataclass(frozen=True)
class LabelOptions:
    """Where the labels of a dataset are, if it does not say so itself; see `open_source`."""

    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="Table with the labels of a folder of images, if the table is not in that folder.",
            callback=path_or_url,
        ),
    ] = None
    properties: Properties = None


@dataclass(frozen=True)
class DatasetOptions(LabelOptions):
    """How to read a dataset: the arguments of `dmlbench.sources.open_source` of the same names."""

    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Split of the dataset. Cars196, CUB-200-2011 and Stanford Online Products: "
            "train, test (the default; the classes that no model is trained on) or all. Datasets "
            "rendered by dmlgen: one of their splits, or all (the default).",
        ),
    ] = None


@dataclass(frozen=True)
class ScoreOptions:
    """How to compute property scores."""

    seed: Seed = 0
    intervals: Annotated[
        bool,
        typer.Option(
            " /--no-intervals",
            help="Do not compute 95 % intervals of the scores.",
            show_default=False,
        ),
    ] = True
    chance: Annotated[
        bool,
        typer.Option(
            " /--no-chance",
            help="Do not compute the chance range (permuted labels) of the scores.",
            show_default=False,
        ),
    ] = True


@dataclass(frozen=True)
class MethodOptions:
    """How to compute a saliency map: fields of `dmlbench.results.files.Settings`."""

    samples: Annotated[
        str,
        typer.Option(
            "--samples",
            metavar="<int or auto>",
            help="Number of noisy copies per image that a saliency map averages over; auto draws "
            "no more of an image once its map is reliable (0.95), after 10, 20, 30, 40 or 50.",
        ),
    ] = "50"
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="Saliency method: smoothgrad_paper, smoothgrad, gradient, integrated_gradients, "
            "grad_cam, occlusion, or a function of yours, python:module:function.",
        ),
    ] = "smoothgrad_paper"
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Precision of the gradients of saliency maps: fp32, bf16, or auto: bf16 where "
            "this machine's processor or GPU has it natively, else fp32.",
        ),
    ] = "auto"


@dataclass(frozen=True)
class MapOptions(MethodOptions):
    """How to compute saliency maps of a dataset: fields of `dmlbench.results.files.Settings`."""

    maps: Annotated[
        int | None,
        typer.Option(
            "--maps",
            min=0,
            help="Number of images to compute saliency maps for; 0 computes none. By default 100 "
            "on a GPU or a cluster, and otherwise as many as take about five minutes (8 to 100).",
        ),
    ] = None
    faithfulness: Annotated[
        int | None,
        typer.Option(
            "--faithfulness",
            min=0,
            help="Number of the images with maps on which to check whether the maps are faithful "
            "(deletion and insertion; randomized weights on a fifth of them); 0 checks none. By "
            "default a fifth of the images with maps, and at least 4.",
        ),
    ] = None
    pairs: Annotated[
        bool,
        typer.Option(
            " /--no-pairs",
            help="Do not compute saliency maps of wrong nearest neighbors (8 more maps).",
            show_default=False,
        ),
    ] = True


@dataclass(frozen=True)
class DeviceOptions:
    """How this machine, or a worker, runs a model."""

    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            help="Number of images per forward pass of the model; by default 32 for embeddings, "
            "and for maps a number that suits the device.",
        ),
    ] = None
    device: Annotated[
        str, typer.Option("--device", help="Device that runs the model: auto, cpu, cuda or mps.")
    ] = "auto"


@dataclass(frozen=True)
class ClusterOptions:
    """Where to run: `dmlbench.evaluation.executor_settings.ExecutorSettings`."""

    executor: ExecutorName = "local"
    address: Address = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Maximum number of Ray workers; by default as many as the cluster has room for.",
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            help="Number of CPU threads per worker; by default 1 on Ray, else chosen by PyTorch.",
        ),
    ] = None


@dataclass(frozen=True)
class ModelArguments:
    """How to load a model: `dmlbench.models.ModelOptions` as text on the command line."""

    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            help=f"Loss that the model was trained with: {', '.join(LOSSES)}.",
        ),
    ] = None
    distance: Annotated[
        str | None,
        typer.Option(
            "--distance",
            help=f"Distance between embeddings that the maps explain: {', '.join(DISTANCES)}; by "
            "default that of the loss.",
        ),
    ] = None
    input_size: Annotated[
        str | None,
        typer.Option(
            "--input-size",
            help="Input size of the model in pixels: 224, or height x width as 224x320.",
        ),
    ] = None
    mean: Annotated[
        str | None,
        typer.Option(
            "--mean",
            help="Mean of each channel for normalizing the input, as 0.485,0.456,0.406.",
        ),
    ] = None
    std: Annotated[
        str | None,
        typer.Option(
            "--std",
            help="Standard deviation of each channel for normalizing the input, as --mean.",
        ),
    ] = None
    bgr: Annotated[
        bool | None,
        typer.Option(
            "--bgr/--rgb",
            help="Order of the channels in the model's input: blue first or red first.",
        ),
    ] = None
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale",
            help="Value of a white pixel before mean and standard deviation are applied: 1 or 255.",
        ),
    ] = None
    interpolation: Annotated[
        str | None,
        typer.Option(
            "--interpolation",
            help="Interpolation for resizing images: nearest, box, bilinear, hamming, bicubic or "
            "lanczos.",
        ),
    ] = None
    trust_pickle: Annotated[
        bool,
        typer.Option(
            "--trust-pickle",
            help="Load a pickled model or a .pt2 file, which can run code that it contains.",
        ),
    ] = False
    allow_unstable: Annotated[
        bool,
        typer.Option(
            "--allow-unstable",
            help="Measure a model even if its embedding of an image changes from pass to pass or "
            "with the batch; the result is marked as unstable.",
        ),
    ] = False

    def parse(self, seed: int) -> ModelOptions:
        """Return the options of the library.

        Args:
            seed: of random weights.

        Raises:
            InputError: the text of an option is not valid.
            UnknownNameError: there is no such loss or distance.
        """
        from dmlbench.cli.values import channels, pixels
        from dmlbench.models.options import ModelOptions

        parsed = {
            "input_size": pixels(self.input_size, "--input-size"),
            "mean": channels(self.mean, "--mean"),
            "std": channels(self.std, "--std"),
        }
        return ModelOptions(**vars(self) | parsed, seed=seed)
