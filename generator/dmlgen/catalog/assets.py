"""What can stand in a picture: cars, environments, surfaces, recipes: files under `scenes/`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from dmldata.common.errors import InputError, UnknownNameError
from dmlgen.catalog.derived_names import parse_derived


@cache
def scenes_folder() -> Path:
    """Return `scenes/` inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "scenes"
    return installed if installed.is_dir() else package.parent.parent / "scenes"


OWN_CARS = "DML_PRISM_CARS"
"""Environment variable that names the folder of the user's own cars."""


@cache
def project_car_names() -> tuple[str, ...]:
    """Return the names of the cars that come with the project, listed once per process."""
    return tuple(_cars_in(scenes_folder() / "cars"))


def own_cars_folder() -> Path:
    """Return the folder of the user's own cars, which need not exist."""
    chosen = os.environ.get(OWN_CARS)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import typer

    return Path(typer.get_app_dir("dml-prism")) / "cars"


def own_car_names() -> list[str]:
    """Return the names of the user's own cars, without those that a car of the project has."""
    return [name for name in _cars_in(own_cars_folder()) if name not in project_car_names()]


def car_names() -> list[str]:
    """Return the names of all cars that can be rendered."""
    return sorted([*project_car_names(), *own_car_names()])


def real_car(name: str) -> str:
    """Return the car whose files a car is made of: itself, or the base of a derived model.

    The base of a derived model is one of the project's cars.

    Raises:
        UnknownNameError: no such car; the message lists them.
        InputError: not the name of a derived model.
    """
    derived = parse_derived(name)
    real = name if derived is None else derived.base
    if real in project_car_names() or (derived is None and real in own_car_names()):
        return real
    raise UnknownNameError("car", name, [*car_names(), "or derived:NAME-001 to -999"])


def car_folder(name: str) -> Path:
    """Return the folder that holds the car.yaml and the GLB file of a car, or of its base.

    Raises:
        InputError: no such car.
    """
    real = real_car(name)
    project_cars = scenes_folder() / "cars"
    return (project_cars if real in project_car_names() else own_cars_folder()) / real


def car_mesh(name: str) -> Path:
    """Return the GLB file of a car, or of the base of a derived one.

    Raises:
        InputError: no such car, its file is missing, or that of an own car is damaged.
    """
    real = real_car(name)
    file = car_folder(name) / f"{real}.glb"
    remedy = f"make it again: dmlgen cars import {real} --source FILE"
    if not file.is_file():
        raise InputError(f"{file}: no such file; {remedy}")
    if real in own_car_names():
        from dmlgen.modelfiles.gltf import check_car_glb

        try:
            check_car_glb(file)
        except InputError as error:
            raise InputError(f"{error}; {remedy}") from None
    return file


@cache
def environment_names() -> tuple[str, ...]:
    """Return the names of all environments, listed once per process."""
    return _yaml_names("environments")


def environment_file(name: str) -> Path:
    """Return the YAML file of an environment.

    Raises:
        UnknownNameError: no such environment; the message lists them.
    """
    if name not in environment_names():
        raise UnknownNameError("environment", name, environment_names())
    return scenes_folder() / "environments" / f"{name}.yaml"


def surface_names() -> list[str]:
    """Return the names of all baked surfaces."""
    return sorted(
        path.parent.name for path in (scenes_folder() / "surfaces").glob("*/surface.yaml")
    )


def surface_folder(name: str) -> Path:
    """Return the folder that holds a surface's surface.yaml and images.

    Raises:
        UnknownNameError: no such surface; the message lists them.
    """
    if name not in surface_names():
        raise UnknownNameError("surface", name, surface_names())
    return scenes_folder() / "surfaces" / name


@cache
def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the project, listed once per process."""
    return _yaml_names("recipes")


def recipe_file(name: str) -> Path:
    """Return the YAML file of a recipe: one that comes with the project, or a path to a user's own.

    Raises:
        UnknownNameError: neither; the message lists the recipes of the project.
    """
    user_file = Path(name)
    if user_file.suffix.lower() in {".yaml", ".yml"} and user_file.exists():
        return user_file
    if name not in recipe_names():
        raise UnknownNameError("recipe", name, [*recipe_names(), "or the path of a .yaml file"])
    return scenes_folder() / "recipes" / f"{name}.yaml"


def _yaml_names(subject: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (scenes_folder() / subject).glob("*.yaml")))


def _cars_in(folder: Path) -> list[str]:
    names = (path.parent.name for path in folder.glob("*/car.yaml") if path.is_file())
    return sorted(name for name in names if not name.startswith("."))
