"""What can stand in a picture: files under `scenes/`, and the user's own beside them.

The user's cars, environments and surfaces lie in folders of the same form; a name that the project
uses always means the project's.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, RootModel

from dmldata.common.documents import load_document
from dmldata.common.errors import InputError, UnknownNameError
from dmlgen.catalog.derived_names import parse_derived

CONCEPT = "concept:"
"""Prefix of the names of concept cars: `concept:sedan-02`."""
NAME_LENGTH = 63
NAME = rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,{NAME_LENGTH - 1}}}$"
M = TypeVar("M", bound=BaseModel)


@cache
def scenes_folder() -> Path:
    """Return `scenes/` inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "scenes"
    return installed if installed.is_dir() else package.parent.parent / "scenes"


Kind = Literal["cars", "environments", "surfaces", "recipes"]
"""What scene files are of; also the name of their folder."""
_FILES: dict[Kind, str] = {
    "cars": "*/car.yaml",
    "environments": "*.yaml",
    "surfaces": "*/surface.yaml",
    "recipes": "*.yaml",
}


@cache
def project_names(kind: Kind) -> tuple[str, ...]:
    """Return the names of what comes with the project, listed once per process."""
    return tuple(_names_in(scenes_folder() / kind, kind))


def user_folder_variable(kind: Kind) -> str:
    """Return the environment variable that names the user's own folder."""
    return f"DML_PRISM_{kind.upper()}"


def user_folder(kind: Kind) -> Path:
    """Return the folder of the user's own cars, environments or surfaces, which need not exist."""
    chosen = os.environ.get(user_folder_variable(kind))
    if chosen:
        return Path(chosen).expanduser().absolute()
    import typer

    return Path(typer.get_app_dir("dml-prism")) / kind


def user_names(kind: Kind) -> tuple[str, ...]:
    """Return the names in the user's own folder, without those that the project uses."""
    listed = _names_in(user_folder(kind), kind)
    return tuple(name for name in listed if name not in project_names(kind))


def names(kind: Kind) -> list[str]:
    """Return the names of all that can be rendered: the project's and the user's own."""
    return sorted([*project_names(kind), *user_names(kind)])


@cache
def concept_cars() -> tuple[str, ...]:
    """Return the names of the project's concept cars, which are no default value of any factor."""
    return tuple(f"{CONCEPT}{name}" for name in _names_in(_concept_folder(), "cars"))


def base_cars() -> list[str]:
    """Return the names of all cars that are not derived: the project's, the user's, concepts."""
    return [*names("cars"), *concept_cars()]


def real_car(name: str) -> str:
    """Return the car whose files a car is made of: itself, or the base of a derived model.

    The base of a derived model is one of the project's cars, and no concept car.

    Raises:
        UnknownNameError: no such car; the message lists them.
        InputError: not the name of a derived model.
    """
    derived = parse_derived(name)
    real = name if derived is None else derived.base
    if real in project_names("cars") or (derived is None and real in base_cars()):
        return real
    raise UnknownNameError("car", name, [*base_cars(), "or derived:NAME-001 to -999"])


def car_folder(name: str) -> Path:
    """Return the folder that holds the car.yaml and the GLB file of a car, or of its base.

    Raises:
        InputError: no such car.
    """
    real = real_car(name)
    if real.startswith(CONCEPT):
        return _concept_folder() / real.removeprefix(CONCEPT)
    return _folder_of("cars", real) / real


def car_mesh(name: str) -> Path:
    """Return the GLB file of a car, or of the base of a derived one.

    Raises:
        InputError: no such car, its file is missing, or that of an own car is damaged.
    """
    real, folder = real_car(name), car_folder(name)
    file = folder / f"{folder.name}.glb"
    remedy = f"make it again: dmlgen cars import {real} --source FILE"
    if not file.is_file():
        raise InputError(f"{file}: no such file; {remedy}")
    if real in user_names("cars"):
        from dmlgen.modelfiles.gltf import check_car_glb

        try:
            check_car_glb(file)
        except InputError as error:
            raise InputError(f"{error}; {remedy}") from None
    return file


def environment_file(name: str) -> Path:
    """Return the YAML file of an environment.

    Raises:
        UnknownNameError: no such environment; the message lists them.
    """
    return _folder_of("environments", name) / f"{name}.yaml"


def project_panoramas() -> dict[str, Path]:
    """Return the panoramas that come with the project, by file name."""
    return {file.name: file for file in sorted((scenes_folder() / "panoramas").glob("*.exr"))}


def surface_folder(name: str) -> Path:
    """Return the folder that holds a surface's surface.yaml and images.

    Raises:
        UnknownNameError: no such surface; the message lists them.
    """
    return _folder_of("surfaces", name) / name


def recipe_file(name: str) -> Path:
    """Return the YAML file of a recipe: one that comes with the project, or a path to a user's own.

    Raises:
        UnknownNameError: neither; the message lists the recipes of the project.
    """
    user_file = Path(name)
    if user_file.suffix.lower() in {".yaml", ".yml"} and user_file.exists():
        return user_file
    if name not in project_names("recipes"):
        recipes = project_names("recipes")
        raise UnknownNameError("recipe", name, [*recipes, "or the path of a .yaml file"])
    return scenes_folder() / "recipes" / f"{name}.yaml"


def load_scene_file(model: type[M], path: Path) -> M:
    """Read the YAML file of a car, place or surface, again only after it was modified.

    Raises:
        InputError: not there, not valid (file, line, field), or with another `name` than that of
            the file, or of its folder if all such files are called the same.
    """
    try:
        modified_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    document = _load(model, path, modified_ns)
    assert isinstance(document, model)
    spec: Any = document.root if isinstance(document, RootModel) else document
    in_folder = any(pattern == f"*/{path.name}" for pattern in _FILES.values())
    owner, name = ("folder", path.parent.name) if in_folder else ("file", path.stem)
    if spec.name != name:
        raise InputError(
            f"{path}: name: '{spec.name}' is not its {owner}'s, '{name}'; change one of them"
        )
    return document


@cache
def _load(model: type[BaseModel], path: Path, modified_ns: int) -> BaseModel:
    return load_document(model, path)


def _concept_folder() -> Path:
    return scenes_folder() / "cars" / "concept"


def _folder_of(kind: Kind, name: str) -> Path:
    if name in project_names(kind):
        return scenes_folder() / kind
    if name in user_names(kind):
        return user_folder(kind)
    raise UnknownNameError(kind.removesuffix("s"), name, names(kind))


def _names_in(folder: Path, kind: Kind) -> list[str]:
    files = (path for path in folder.glob(_FILES[kind]) if path.is_file())
    listed = (path.parent.name if "/" in _FILES[kind] else path.stem for path in files)
    return sorted(name for name in listed if not name.startswith("."))
