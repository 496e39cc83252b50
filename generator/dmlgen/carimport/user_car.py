"""Bring your own car: read a user's file, decide on it, convert it, add it to the user's cars."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from dmldata.card.licenses import license_url, spdx_license
from dmldata.common.errors import InputError, PrismError
from dmldata.common.files import names_in, sha256_of, write_atomic
from dmlgen.blender import call_in_blender, require_blender
from dmlgen.carimport.decide import Choices, Decision, decide, fixed_of
from dmlgen.carimport.importer import ImportedCar, convert_source
from dmlgen.carimport.model import Model
from dmlgen.carimport.table import roles_of
from dmlgen.carimport.wheels import glob_of
from dmlgen.catalog.assets import (
    NAME,
    NAME_LENGTH,
    project_names,
    user_folder,
    user_folder_variable,
    user_names,
)
from dmlgen.catalog.cars import UNKNOWN_LICENSE, CarSpec, Source
from dmlgen.modelfiles.kinds import check_kind
from dmlgen.planning.presets import Engine
from dmlgen.rendering.car_views import check_size, show_car


@dataclass(frozen=True)
class CarCredit:
    """What a user says of the car: its name, and whose work it is; empty if not given."""

    name: str = ""
    title: str = ""
    author: str = ""
    license: str = ""


@dataclass(frozen=True)
class OwnCar:
    """A car in the user's folder.

    Attributes:
        folder: holds car.yaml, the GLB, preview.png and recipe.yaml.
        converted: its GLB, size in meters and triangles.
    """

    folder: Path
    converted: ImportedCar


def check_file(file: Path, credit: CarCredit, force: bool) -> str:
    """Check a file and the credit of its car, and return the name that the car will have.

    Raises:
        InputError: the file is missing or has another format, or the name exists or is invalid.
    """
    if credit.license:
        spdx_license(credit.license)
    check_kind(file)
    name = credit.name or _name_from(file)
    if not re.fullmatch(NAME, name):
        raise InputError(
            f"--name '{name}': has to consist of letters, digits, '-' and '_', like fordFocus, at "
            f"most {NAME_LENGTH} of them"
        )
    if name in project_names("cars"):
        raise InputError(f"--name {name}: a car of the project has that name; give another one")
    home = user_folder("cars")
    _check_folder(home / name, name, force, file)
    if home.exists() and not home.is_dir():
        raise InputError(f"{user_folder_variable('cars')}={home}: has to be a folder")
    return name


def _check_folder(folder: Path, name: str, force: bool, file: Path) -> None:
    """Check that a car's folder is free, or may be replaced and holds nothing but its car.

    Raises:
        InputError: otherwise, with the file that would be lost.
    """
    if not folder.exists():
        return
    if name in user_names("cars") and not force:
        raise InputError(
            f"--name {name}: taken by {folder}; give another one, or --force to replace it"
        )
    made = {"car.yaml", "recipe.yaml", "preview.png", f"{name}.glb"} if folder.is_dir() else set()
    others = [path for path in names_in(folder) if path not in made]
    if folder.resolve() in file.resolve().parents:
        others = [file.name]
    if others or not folder.is_dir():
        what = f"{folder}, which holds {others[0]}" if others else f"{folder}, a file"
        raise InputError(
            f"--name {name}: would replace {what}; move that elsewhere, or give another name"
        )


def read_model(file: Path, ignore: tuple[str, ...] = ()) -> Model:
    """Read a file as a model of plain numbers, in a process with Blender.

    Raises:
        InputError: the file cannot be read, is empty or too large.
    """
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "blender.log"
        require_blender()
        try:
            return call_in_blender(_describe, log, file.absolute(), ignore)
        except InputError:
            raise
        except PrismError as error:
            raise InputError(f"{file}: cannot be read ({error})") from error


def import_user_car(
    file: Path,
    choices: Choices,
    credit: CarCredit,
    *,
    force: bool = False,
    size: int = 256,
    device: str = "auto",
    on_decided: Callable[[Decision], None] | None = None,
) -> OwnCar:
    """Convert a user's file to a car in the user's folder, complete or not at all.

    Args:
        size, device: size and device of the preview, as for `show_car`.
        on_decided: called with the decisions before the car is converted.

    Raises:
        InputError: the file or a choice does not make a car.
    """
    name = check_file(file, credit, force)
    check_size(size)
    Engine("standard", size, device)
    decision = decide(read_model(file, choices.ignore), choices)
    if on_decided:
        on_decided(decision)
    spec = _spec(name, file, decision, choices, credit)
    home = user_folder("cars")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".making-") as scratch:
        made = Path(scratch) / name
        made.mkdir()
        converted = convert_source(spec, file.absolute(), made)
        write_atomic(made / "car.yaml", _yaml(spec.model_dump(mode="json", exclude_defaults=True)))
        write_atomic(made / "recipe.yaml", _yaml(_recipe(name)))
        show_car(name, made / "preview.png", size, device, Path(scratch))
        _put(made, home / name, Path(scratch) / "before")
    folder = home / name
    return OwnCar(folder, ImportedCar(folder / converted.file.name, *_measures(converted)))


def _put(made: Path, target: Path, before: Path) -> None:
    """Move the car to its place; if that fails, restore what was there before."""
    if target.exists():
        target.rename(before)
    try:
        made.rename(target)
    except BaseException:
        if before.exists():
            before.rename(target)
        raise


def _measures(car: ImportedCar) -> tuple[tuple[float, float, float], int]:
    return car.size, car.triangles


def _describe(file: Path, ignore: tuple[str, ...]) -> Model:
    from dmlgen.carimport.mesh.describe import describe

    return describe(file, ignore)


def _spec(
    name: str, file: Path, decision: Decision, choices: Choices, credit: CarCredit
) -> CarSpec:
    title = _line(credit.title) or name
    author = _line(credit.author) or "unknown author"
    license = spdx_license(credit.license) if credit.license else UNKNOWN_LICENSE
    return CarSpec.model_validate(
        {
            "name": name,
            "title": title,
            "body_type": "own",
            "author": author,
            "license": license,
            "license_url": license_url(license) if credit.license else "not given",
            "credit": f"{title} by {author}, {license}",
            "source": Source(member=file.name, sha256=sha256_of(file)),
            "scale": decision.scale,
            "up": decision.facing.up,
            "forward": decision.facing.forward,
            "ignore": (*choices.ignore, *map(glob_of, decision.left_out)),
            "roles": roles_of(decision.materials),
            "overrides": decision.overrides,
            "fixed": fixed_of(decision.materials),
            "wheels": decision.wheels.selectors,
            "interior": decision.interior,
        }
    )


def _name_from(file: Path) -> str:
    """Return a name for a car, made from the name of its file: accents are dropped.

    Raises:
        InputError: the file's name has letters that a car's name cannot have.
    """
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", file.stem) if not unicodedata.combining(c)
    )
    name = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-_")[:NAME_LENGTH]
    lost = [c for c in plain if c.isalnum() and not c.isascii()]
    if lost or not name:
        raise InputError(
            f"{file}: no name can be made of its name; give one of letters, digits, '-' and '_': "
            f"--name NAME"
        )
    return name


def _recipe(name: str) -> dict[str, object]:
    """Return the recipe `photo` with this car alone."""
    return {
        "name": re.sub(r"[^a-z0-9_-]", "-", name.lower()),
        "title": f"Like casual photographs of one car, {name}",
        "description": f"Renders of the car {name} in real places, like casual photographs.",
        "extends": "photo",
        "hold": {"car_model": name},
    }


def _yaml(document: dict[str, object]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _line(text: str) -> str:
    return " ".join(text.split())
