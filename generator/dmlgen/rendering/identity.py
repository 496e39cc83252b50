"""The identity of a render: what has to be equal before an unfinished one is resumed."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from dmldata.common.files import sha256_of
from dmldata.version import __version__
from dmlgen.catalog.assets import (
    Kind,
    car_folder,
    car_mesh,
    environment_file,
    project_names,
    project_panoramas,
    real_car,
    scenes_folder,
    user_names,
)
from dmlgen.catalog.number_plates import FONT
from dmlgen.catalog.places import PanoramaSpec, load_environment
from dmlgen.catalog.surfaces import surface_files
from dmlgen.planning.draw import Plan
from dmlgen.planning.presets import Engine
from dmlgen.rendering.pixel_code import pixel_code_digest
from dmlgen.rendering.works import works_of


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """List the differences of two identities, field by field.

    >>> differences({"a": 1, "files": {"x": "0", "y": "1"}}, {"a": 1, "files": {"x": "2"}})
    ['files.x was 0, is 2', 'files.y was 1, is nothing']
    """
    first, second = dict(_leaves(before)), dict(_leaves(now))
    return [
        f"{key} was {first.get(key, 'nothing')}, is {second.get(key, 'nothing')}"
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    ]


def _leaves(tree: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def identity(plan: Plan, engine: Engine) -> dict[str, object]:
    """Return everything that has to be equal for two calls to make the same dataset."""
    images = repr([(image.key, image.seed, image.values) for image in plan.images])
    return {
        "recipe": plan.recipe.name,
        "seed": plan.seed,
        "images": len(plan.images),
        "plan": hashlib.sha256(images.encode()).hexdigest()[:12],
        "engine": engine.settings(),
        "device": engine.device,
        # What the project's own version changes of a pixel, the digest of its code tells.
        "versions": {name: number for name, number in versions().items() if name != "dml-prism"},
        "code": pixel_code_digest(),
        "scene_files": _digests(_scene_files(plan)),
    }


def own_files(plan: Plan) -> dict[str, str]:
    """Return digests of the files of the user's own that the pictures of a plan show."""
    kinds: tuple[Kind, ...] = ("cars", "environments", "surfaces")
    of_user = {f"{kind}/{name}" for kind in kinds for name in user_names(kind)}
    files = {
        name: file
        for name, file in _scene_files(plan).items()
        if of_user & {name.removesuffix(".yaml"), name.rpartition("/")[0]}
    }
    return _digests(files)


def _digests(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: sha256_of(files[name])[:12] for name in sorted(files)}


def _scene_files(plan: Plan) -> dict[str, Path]:
    """Return the files of everything that the pictures of a plan show.

    They are named as in `scenes`: what is the user's lies in another folder, which does not matter
    to the pictures.
    """
    works = works_of(plan)
    files: dict[str, Path] = {}
    for car in map(real_car, works.cars):
        files[f"cars/{car}/car.yaml"] = car_folder(car) / "car.yaml"
        files[f"cars/{car}/{car}.glb"] = car_mesh(car)
    for file in map(environment_file, works.environments):
        files[f"environments/{file.name}"] = file
    panoramas = project_panoramas()
    for place in map(load_environment, works.environments):
        if isinstance(place, PanoramaSpec) and place.panorama in panoramas:
            files[f"panoramas/{place.panorama}"] = panoramas[place.panorama]
    # Only the scene knows which of the project's surfaces (walls, dirt, clouds) a place uses: all
    # are counted. The user's are used where a place or the ground names them.
    for name in {*project_names("surfaces"), *works.surfaces}:
        for file in surface_files(name):
            files[f"surfaces/{name}/{file.name}"] = file
    files[FONT] = scenes_folder() / FONT
    return files


def versions() -> dict[str, str]:
    """Return the versions of everything that determines the bytes of a picture."""
    return {
        "dml-prism": __version__,
        "bpy": version("bpy"),
        "pyoidn": version("pyoidn"),
        "pillow": version("pillow"),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "python": platform.python_version(),
    }
