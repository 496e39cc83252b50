"""Options that select a plan, shared by the commands that draw one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dmldata.common.commandline import path_or_url
from dmldata.common.output import say
from dmlgen.planning.presets import DEVICES, PRESETS

if TYPE_CHECKING:
    from dmlgen.planning.draw import Plan
    from dmlgen.planning.presets import Engine

DEFAULT_RECIPE = "paper"

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="Name of a recipe (see 'dmlgen recipes'), or path of a .yaml file.",
        callback=path_or_url,
    ),
]


@dataclass(frozen=True)
class PlanOptions:
    """What to plan, beside the recipe."""

    group: Annotated[
        str | None,
        typer.Option(
            "--factor", metavar="GROUP", help="Factor group to sweep (see 'dmlgen factors')."
        ),
    ] = None
    scenes: Annotated[
        int | None,
        typer.Option(
            help="Number of base scenes of a sweep; the default is the recipe's, or 4 with "
            "--factor."
        ),
    ] = None
    variants: Annotated[
        int | None,
        typer.Option(
            help="Number of images per base scene of a sweep; the default is the recipe's, or "
            "with --factor 6, where the group has as many combinations of values."
        ),
    ] = None
    count: Annotated[
        int | None,
        typer.Option(
            help="Number of images of a dataset that is not a sweep; the default is the recipe's."
        ),
    ] = None
    seed: Annotated[
        int, typer.Option(help="Seed of all random choices: the same seed gives the same dataset.")
    ] = 0


@dataclass(frozen=True)
class PictureOptions:
    """How large and how well to render."""

    size: Annotated[
        str,
        typer.Option(
            help="Size of the images in pixels: 256 for square ones, or 384x288 for width and "
            "height."
        ),
    ] = "256"
    preset: Annotated[
        str, typer.Option("--preset", help=f"Render quality: {', '.join(PRESETS)}.")
    ] = "standard"


Device = Annotated[
    str, typer.Option("--device", help=f"Device to render on: {', '.join(DEVICES)}.")
]


def plan_of(name: str, options: PlanOptions) -> Plan:
    """Return the plan that the options ask for.

    Args:
        name: of a recipe, or the path of its file.

    Raises:
        InputError: the recipe or group is unknown, a number is out of range, or two options
            contradict each other.
    """
    from dmlgen.api import plan

    return plan(
        name,
        factor=options.group,
        scenes=options.scenes,
        variants=options.variants,
        count=options.count,
        seed=options.seed,
    )


def engine_of(options: PictureOptions, device: str = "auto") -> Engine:
    """Return the engine that the options ask for.

    Raises:
        InputError: an unknown preset or device, or a size that is not valid.
    """
    from dmlgen.planning.presets import Engine, parse_size

    return Engine(options.preset, parse_size(options.size), device)


def say_meaningless(plan: Plan) -> None:
    """Say which factors of the recipe are left out."""
    if plan.meaningless:
        say(f"left out, as they mean nothing in these images: {', '.join(plan.meaningless)}")


def folder_name(recipe: str, group: str | None) -> str:
    """Return the default name of the folder that a recipe is rendered into.

    Args:
        recipe: name in the recipe's file.
        group: factor group that --factor names, if any.

    >>> folder_name("paper", "color"), folder_name("wet", None), folder_name("wet", "color")
    ('color', 'wet', 'wet-color')
    """
    if group is None or group == recipe:
        return recipe
    return group if recipe == DEFAULT_RECIPE else f"{recipe}-{group}"
