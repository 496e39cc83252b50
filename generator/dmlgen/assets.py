"""What can stand in a picture: cars, environments, surfaces, recipes: files under `scenes/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from dmldata.errors import UnknownNameError


@cache
def scenes_folder() -> Path:
    """`scenes/` inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "scenes"
    return installed if installed.is_dir() else package.parent.parent / "scenes"


def car_names() -> list[str]:
    """Names of all cars that can be rendered."""
    return sorted(path.parent.name for path in (scenes_folder() / "cars").glob("*/car.yaml"))


def car_folder(name: str) -> Path:
    """The folder that holds a car's car.yaml and GLB file.

    Raises:
        UnknownNameError: no such car; the message lists them.
    """
    if name not in car_names():
        raise UnknownNameError("car", name, car_names())
    return scenes_folder() / "cars" / name


def environment_names() -> list[str]:
    """Names of all environments."""
    return sorted(path.stem for path in (scenes_folder() / "environments").glob("*.yaml"))


def environment_file(name: str) -> Path:
    """The YAML file of an environment.

    Raises:
        UnknownNameError: no such environment; the message lists them.
    """
    if name not in environment_names():
        raise UnknownNameError("environment", name, environment_names())
    return scenes_folder() / "environments" / f"{name}.yaml"


def surface_names() -> list[str]:
    """Names of all baked surfaces."""
    return sorted(
        path.parent.name for path in (scenes_folder() / "surfaces").glob("*/surface.yaml")
    )


def surface_folder(name: str) -> Path:
    """The folder that holds a surface's surface.yaml and images.

    Raises:
        UnknownNameError: no such surface; the message lists them.
    """
    if name not in surface_names():
        raise UnknownNameError("surface", name, surface_names())
    return scenes_folder() / "surfaces" / name


def recipe_names() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in (scenes_folder() / "recipes").glob("*.yaml"))


def recipe_file(name: str) -> Path:
    """The YAML file of a recipe: one that comes with the project, or a path to a user's own.

    Raises:
        UnknownNameError: neither; the message lists the recipes of the project.
    """
    own = Path(name)
    if own.suffix in {".yaml", ".yml"} and own.is_file():
        return own
    if name not in recipe_names():
        raise UnknownNameError("recipe", name, [*recipe_names(), "or the path of a .yaml file"])
    return scenes_folder() / "recipes" / f"{name}.yaml"
