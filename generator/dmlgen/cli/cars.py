"""The commands `dmlgen cars ...`. Each imports what it needs when it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmldata.common.errors import InputError
from dmldata.common.option_groups import expand_options
from dmldata.common.output import print_rows, say
from dmlgen.cli.plan_options import Device

if TYPE_CHECKING:
    from dmlgen.carimport.decide import Choices, Decision
    from dmlgen.carimport.table import MaterialRole
    from dmlgen.carimport.user_car import CarCredit

cars = typer.Typer(
    help="List, show and import the cars that images can show.", no_args_is_help=True
)

PREVIEW_SIZE = 256
Texts = list[str] | None


@cars.command("list")
def list_cars() -> None:
    """List the cars with their authors and licenses.

    Each of the project's cars also has derived models with other proportions, wheels and trim:
    derived:NAME-001 to derived:NAME-999. Recipes can name several at once: derived:NAME-001..014.
    Cars that were never built are named concept:NAME; images show them only where a recipe names
    them.
    """
    from dmlgen.catalog.assets import base_cars, user_names
    from dmlgen.catalog.cars import load_car

    user_cars = user_names("cars")
    specs, broken = [], []
    for name in base_cars():
        try:
            specs.append(load_car(name))
        except InputError as error:
            broken.append(str(error))
    print_rows(
        ("name", "title", "body type", "author", "license", "from"),
        [
            (
                s.name,
                s.title,
                s.body_type,
                s.author,
                s.license,
                "you" if s.name in user_cars else "dmlgen",
            )
            for s in specs
        ],
    )
    if broken:
        more = f" (and {len(broken) - 1} more of your cars)" if broken[1:] else ""
        raise InputError(f"{broken[0]}{more}")


@cars.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a car (see 'dmlgen cars list'), or of a derived model, such as "
            "derived:fordFocus-017."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write; the default is NAME.png.")
    ] = None,
    size: Annotated[int, typer.Option(help="Width and height of each picture, in pixels.")] = 384,
    device: Device = "auto",
) -> None:
    """Render a car from eight sides into one PNG file."""
    from dmlgen.rendering.car_views import show_car

    target = out or Path(f"{name}.png")
    show_car(name, target, size, device)
    say(str(target))


@dataclass(frozen=True)
class ChoiceOptions:
    """What the user says about a file: `dmlgen.carimport.decide.Choices` on the command line."""

    paint: Annotated[
        Texts,
        typer.Option("--paint-material", help="Name of a material that is paint; repeatable."),
    ] = None
    forward: Annotated[
        str,
        typer.Option(
            help="Direction of the car's front, once it stands upright: +X, -X, +Y, -Y or auto."
        ),
    ] = "auto"
    up: Annotated[
        str,
        typer.Option(
            help="Direction that points up, as Blender reads the file (which turns glTF, OBJ and "
            "FBX to +Z): +Z, -Z, +Y, -Y, +X, -X or auto."
        ),
    ] = "auto"
    length: Annotated[
        float | None,
        typer.Option(help="Length of the car in meters; the default is derived from the file."),
    ] = None
    role: Annotated[
        Texts,
        typer.Option(
            help="Role of a material whose guessed role is wrong: MATERIAL=ROLE, or "
            "MATERIAL@OBJECTS=ROLE for some objects only; repeatable."
        ),
    ] = None
    wheels: Annotated[
        Texts,
        typer.Option(help="Glob that matches objects or materials of the wheels; repeatable."),
    ] = None
    ignore: Annotated[
        Texts,
        typer.Option(help="Glob that matches objects which are not part of the car; repeatable."),
    ] = None

    def parse(self) -> Choices:
        """Return the choices.

        Raises:
            InputError: an axis or a role is not valid.
        """
        from dmlgen.carimport.decide import Choices

        roles = _roles(self.role or [])
        for name in self.paint or ():
            if roles.get(name, "paint") != "paint":
                raise InputError(f"--role {name}={roles[name]}: --paint-material says it is paint")
        return Choices(
            paint=tuple(self.paint or ()),
            up=_axis("--up", self.up, 6),
            forward=_axis("--forward", self.forward, 4),
            length=self.length,
            roles=roles,
            wheels=tuple(self.wheels or ()),
            ignore=tuple(self.ignore or ()),
        )


@dataclass(frozen=True)
class CreditOptions:
    """Whose model it is."""

    title: Annotated[str, typer.Option(help="Title of the model, for the credits.")] = ""
    author: Annotated[str, typer.Option(help="Author of the model, for the credits.")] = ""
    license: Annotated[
        str, typer.Option(help="License of the model as an SPDX identifier, such as CC-BY-4.0.")
    ] = ""


@cars.command("import")
@expand_options
def import_car(
    model: Annotated[
        str,
        typer.Argument(
            help="Model file (.glb, .gltf, .obj, .fbx, .blend), or with --source the name of a car."
        ),
    ],
    *,
    name: Annotated[
        str, typer.Option(help="Name of the car; the default is made from the file name.")
    ] = "",
    choices: ChoiceOptions,
    credit: CreditOptions,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing car of the same name.")
    ] = False,
    size: Annotated[
        int, typer.Option(help="Width and height of each picture of the preview, in pixels.")
    ] = PREVIEW_SIZE,
    device: Device = "auto",
    source: Annotated[
        Path | None,
        typer.Option(
            help="Convert an existing car again from this file (the one that its car.yaml names), "
            "or from the folder of that file."
        ),
    ] = None,
) -> None:
    """Import your own car: convert a model file into a car that recipes can name."""
    if source is not None:
        _refuse_with_source(name, choices, credit, force)
        if size != PREVIEW_SIZE or device != "auto":
            option = "--size" if size != PREVIEW_SIZE else "--device"
            raise InputError(f"{option}: not with --source, which renders no preview")
        _convert_again(model, source)
        return
    from dmlgen.catalog.assets import base_cars

    if model in base_cars() and not Path(model).exists():
        raise InputError(
            f"--source is missing; valid: the file that car.yaml of {model} names, or its folder"
        )
    from dmlgen.carimport.user_car import CarCredit

    named = CarCredit(name, **vars(credit))
    _bring(Path(model), choices.parse(), named, force, size, device)


def _refuse_with_source(
    name: str, choices: ChoiceOptions, credit: CreditOptions, force: bool
) -> None:
    """Refuse what would not count, as car.yaml says all of it.

    Raises:
        InputError: the first option that was given.
    """
    options = {"name": name, **vars(choices), **vars(credit), "force": force}
    unset = {"name": "", "force": False, **vars(ChoiceOptions()), **vars(CreditOptions())}
    chosen = next((option for option, value in options.items() if value != unset[option]), None)
    if chosen is not None:
        option = "--paint-material" if chosen == "paint" else f"--{chosen}"
        raise InputError(
            f"{option}: not with --source; car.yaml of the car says it: change it there"
        )


def _bring(
    model: Path, choices: Choices, credit: CarCredit, force: bool, size: int, device: str
) -> None:
    """Convert a user's file to a car, and say what was decided and what remains to be checked."""
    from shlex import quote

    from dmlgen.carimport.decide import PaintError
    from dmlgen.carimport.user_car import import_user_car

    decisions: list[Decision] = []

    def decided(decision: Decision) -> None:
        decisions.append(decision)
        _show_decision(decision)
        say("converting, then rendering a preview from eight sides ...", error=True)

    try:
        imported = import_user_car(
            model, choices, credit, force=force, size=size, device=device, on_decided=decided
        )
    except PaintError as error:
        _show_materials(error.materials)
        raise
    doubts = list(decisions[0].doubts)
    if not credit.license:
        doubts.append("the license: pictures of this car must not be published; give --license")
    if doubts:
        say("to check:")
        for doubt in doubts:
            say(f"  - {doubt}")
    _show_converted(imported.converted.file, imported.converted.size, imported.converted.triangles)
    say(f"preview: {imported.folder / 'preview.png'}")
    recipe = quote(str(imported.folder / "recipe.yaml"))
    say(f"next: dmlgen render {recipe} --count 8 --size 384x288 --out pictures")


def _convert_again(name: str, source: Path) -> None:
    from dmlgen.carimport.importer import convert_again

    converted = convert_again(name, source)
    _show_converted(converted.file, converted.size, converted.triangles)


def _show_converted(file: Path, size: tuple[float, float, float], triangles: int) -> None:
    length, width, height = size
    say(
        f"{file}: {length:.2f} x {width:.2f} x {height:.2f} m, "
        f"{triangles} triangles, {file.stat().st_size / 1e6:.2f} MB"
    )


def _show_decision(decision: Decision) -> None:
    length, width, height = decision.size
    facing, (rims, crossings) = decision.facing, decision.open_edges
    wheels = {"given": "as given", "name": "found by name", "shape": "found by shape"}
    say(
        f"{length:.2f} x {width:.2f} x {height:.2f} m (1 unit = {decision.scale:.4g} m), "
        f"up {facing.up}, front {facing.forward}; {decision.triangles:,} triangles, "
        f"{rims:.0%} of edges open, {crossings:.1%} with more than two faces; "
        f"wheels: {wheels.get(decision.wheels.found_by, 'none found')}"
    )
    _show_materials(decision.materials)


def _show_materials(materials: tuple[MaterialRole, ...]) -> None:
    print_rows(
        ("material", "surface", "role", "because"),
        [
            (_where(m), f"{m.share:.1%}", m.role, _REASONS.get(m.reason, m.reason))
            for m in materials
        ],
    )


def _where(row: MaterialRole) -> str:
    from dmlgen.carimport.table import WHEELS

    if row.place in ("", WHEELS):
        return f"{row.name} {row.place}".strip()
    return f"{row.name}@{row.place}"


_REASONS = {
    "name": "its name",
    "look": "its look",
    "none": "nothing else fits",
    "given": "you said so",
}


def _roles(assignments: list[str]) -> dict[str, str]:
    roles = {}
    for text in assignments:
        material, sign, role = text.rpartition("=")
        if not (material and sign and role):
            raise InputError(f"--role {text}: has to be MATERIAL=ROLE, such as 'Glass_01=glass'")
        roles[material] = role
    return roles


def _axis(option: str, text: str, count: int) -> str:
    valid = ("+X", "-X", "+Y", "-Y", "+Z", "-Z")[:count]
    if text != "auto" and text.upper() not in valid:
        raise InputError(f"{option} {text}: valid: {', '.join(valid)}, auto")
    return text if text == "auto" else text.upper()
