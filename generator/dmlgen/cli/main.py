"""The command `dmlgen`. Each command imports what it needs when it runs, so --help is quick."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from dmldata.common.commandline import path_or_url, run_app
from dmldata.common.errors import InputError, PrismError
from dmldata.common.option_groups import expand_options
from dmldata.common.options import AsJson
from dmldata.common.output import print_rows, say
from dmldata.common.progress import progress_bar
from dmldata.common.versions import add_version_option
from dmlgen.cli.cars import cars
from dmlgen.cli.export import export
from dmlgen.cli.plan_options import (
    DEFAULT_RECIPE,
    PictureOptions,
    PlanOptions,
    RecipeName,
    engine_of,
    plan_of,
    say_meaningless,
)
from dmlgen.cli.publish import publish
from dmlgen.cli.render import merge, render, status

if TYPE_CHECKING:
    from dmlgen.planning.draw import Plan

app = typer.Typer(
    name="dmlgen",
    help="Render image datasets whose properties are controlled one by one.",
    no_args_is_help=True,
)
add_version_option(app)
app.command()(render)
app.command()(status)
app.command()(merge)
app.command()(publish)
app.command()(export)
app.add_typer(cars, name="cars")

Place = Annotated[
    str,
    typer.Argument(metavar="DIR", help="Folder or URL of the dataset.", callback=path_or_url),
]


@app.command()
@expand_options
def plan(
    recipe: RecipeName = DEFAULT_RECIPE,
    *,
    plan_options: PlanOptions,
    picture: PictureOptions,
    out: Annotated[
        Path | None, typer.Option(help="Parquet file (.parquet) to write the plan to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be rendered, with an estimate of time and size. Nothing is rendered."""
    from dmlgen.planning.estimate import estimate
    from dmlgen.planning.table import plan_rows, write_plan

    engine = engine_of(picture)
    drawn_plan = plan_of(recipe, plan_options)
    expected = estimate(drawn_plan.images, engine)
    if out is not None:
        if out.suffix != ".parquet":
            raise InputError(f"--out {out}: has to end in .parquet")
        write_plan(drawn_plan, out)
    if as_json:
        say(json.dumps({"images": plan_rows(drawn_plan.images), "estimate": expected.to_json()}))
        return
    if out is None:
        _show_plan(drawn_plan)
    say(f"{len(drawn_plan.images)} images, {expected.describe()}")


@app.command()
def factors(as_json: AsJson = False) -> None:
    """List the factors with their keys, groups, kinds, units, values and ranges."""
    from dmlgen.factors.registry import DECLARATIONS, DEFAULTS, factor_catalog

    catalog = factor_catalog().factors
    ranges = {f.key: DECLARATIONS[f.key].range if f.is_numeric else () for f in catalog.values()}
    if as_json:
        rows = [
            {**f.model_dump(mode="json"), "range": ranges[f.key], "held_at": DEFAULTS[f.key]}
            for f in catalog.values()
        ]
        say(json.dumps(rows, indent=1))
        return
    columns = ("key", "group", "kind", "unit", "values", "range", "held at", "meaning")
    print_rows(
        columns,
        [
            (
                *(f.key, f.group, f.kind, f.unit, _shown(f.values)),
                " to ".join(f"{end:g}" for end in ranges[f.key]),
                *(_shown((DEFAULTS[f.key],)), f.meaning),
            )
            for f in catalog.values()
        ],
    )


@app.command()
def recipes() -> None:
    """List the recipes that come with the project."""
    from dmlgen.catalog.assets import project_names
    from dmlgen.planning.recipe import load_recipe

    recipes_of_project = [load_recipe(name) for name in project_names("recipes")]
    rows = [(recipe.name, recipe.images, recipe.title) for recipe in recipes_of_project]
    print_rows(("name", "images", "title"), rows)


@app.command()
def verify(
    folder: Place,
    as_json: AsJson = False,
) -> None:
    """Check every file of a dataset. List every problem and exit with 1 if there is one."""
    from dmldata.dataset import open_dataset
    from dmldata.verify import verify as verify_dataset

    with progress_bar("verify", None, quiet=as_json) as bar:
        problems = verify_dataset(folder, progress=bar.report)
    if as_json:
        documents = [{"file": p.file, "what": p.what} for p in problems]
        say(json.dumps({"ok": not documents, "problems": documents}))
    elif problems:
        for problem in problems:
            say(f"{problem.file}: {problem.what}")
        say(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {folder}")
    else:
        dataset = open_dataset(folder)
        splits = ", ".join(f"{split} {n}" for split, n in dataset.manifest.splits.items())
        say(
            f"{folder}: {len(dataset)} images ({splits}), fingerprint {dataset.fingerprint}: all "
            "right"
        )
    if problems:
        raise typer.Exit(1)


@app.command()
def preview(
    place: Place,
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write; the default is DIR.preview.png.")
    ] = None,
    factor: Annotated[
        str | None, typer.Option(help="Factor to order the pictures of each row by.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Maximum number of rows.")] = 6,
    columns: Annotated[int, typer.Option(help="Maximum number of pictures per row.")] = 8,
    cell: Annotated[
        int, typer.Option(help="Width of a picture on the sheet, in pixels (16 or more).")
    ] = 192,
    captions: Annotated[
        bool, typer.Option(help="Write the values of the varied factors under the pictures.")
    ] = True,
) -> None:
    """Make a contact sheet of a dataset, with the varied factor along the rows."""
    from dmlgen.gallery.preview import contact_sheet

    target = out or _beside(place, ".preview.png")
    layout = {"rows": rows, "columns": columns, "cell": cell}
    contact_sheet(place, target, factor=factor, captions=captions, **layout)
    say(str(target))


@app.command()
def gallery(
    place: Place,
    out: Annotated[
        Path | None, typer.Option(help="New folder to write; the default is DIR.gallery.")
    ] = None,
    width: Annotated[
        int, typer.Option(help="Width of a small picture, in pixels (32 to 512).")
    ] = 128,
) -> None:
    """Make a web page for browsing a dataset: filters, sweeps as strips, all values, masks."""
    from dmlgen.gallery.build import build_gallery

    target = out or _beside(place, ".gallery")
    with progress_bar("gallery", None) as bar:
        build_gallery(place, target, width=width, progress=bar.report)
    say(str(target / "index.html"))


@app.command()
def check(
    device: Annotated[
        str | None,
        typer.Option(
            help="Also render a small picture on this device (cuda, optix) and compare it with "
            "the CPU's.",
        ),
    ] = None,
) -> None:
    """Check that Blender can run on this machine. If it cannot, say what to install."""
    from dmlgen.blender import require_blender

    require_blender()
    if device is None:
        say("Blender can run here")
        return
    from dmlgen.rendering.device_check import compare_with_cpu

    agreement = compare_with_cpu(device)
    if not agreement.holds:
        raise PrismError(f"{device} does not render what the CPU renders: {agreement}")
    say(f"{device} renders what the CPU renders: {agreement}")


def _beside(place: str, suffix: str) -> Path:
    """Return the path beside a folder that is named after it; for a URL, one in this folder."""
    if "://" in place:
        named = Path(PurePosixPath(urlsplit(place).path).name)
    else:
        named = Path(place)
        if named.name in {"", ".."}:
            named = named.resolve()
    if not named.name:
        raise InputError(f"{place} has no name to name the output after; valid: with --out")
    return named.with_name(f"{named.name}{suffix}")


def _show_plan(plan: Plan) -> None:
    from dmlgen.planning.table import plan_rows

    varying = [factor.key for factor in plan.factors if factor.varies]
    columns = ("key", "scene_id", "variant_id", *varying)
    images = plan.images
    shown = images if len(images) <= 24 else images[:20]
    print_rows(columns, [[_shown((row[c],)) for c in columns] for row in plan_rows(shown)])
    if len(shown) < len(images):
        say(f"... and {len(images) - len(shown)} more; write all of them with --out plan.parquet")
    held = ", ".join(f"{f.key} {_shown(f.values)}" for f in plan.factors if not f.varies)
    if held:
        say(f"held: {held}")
    say_meaningless(plan)


def _shown(values: tuple[object, ...]) -> str:
    return ", ".join(
        f"{v:g}" if isinstance(v, float) else "-" if v is None else str(v) for v in values
    )


def main() -> None:
    """Run the command line `dmlgen`."""
    run_app(app, "dmlgen")
