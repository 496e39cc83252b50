"""From a plan to a finished dataset: a worker renders, what it finishes is kept, then shards."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import platform
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dmldata.errors import InputError, PrismError
from dmldata.files import sha256_of, write_whole
from dmldata.layout import images_per_shard_for
from dmldata.manifest import Credit, Manifest
from dmldata.writer import write_dataset
from dmlgen.assets import car_folder, environment_file, surface_folder, surface_names
from dmlgen.blender import blender_process, died, require_blender
from dmlgen.cars.spec import UNKNOWN_LICENSE, load_car
from dmlgen.environment import SiteSpec, load_environment
from dmlgen.plan import Plan, PlannedImage
from dmlgen.presets import Engine
from dmlgen.worker import measured_file, render_rows

STAGING = ".render"
LICENSE = "CC-BY-4.0"
NO_LICENSE = "LicenseRef-unknown-do-not-publish"
"""Of a dataset that shows a car whose licence is not known."""
DATASET_VERSION = "1.0.0"


def render(
    plan: Plan,
    engine: Engine,
    out: Path,
    *,
    on_image: Callable[[str, int, int], None] | None = None,
) -> Manifest:
    """Renders a plan into the dataset folder `out`.

    What an earlier, interrupted call with the same plan and settings has finished is not rendered
    again.

    Args:
        on_image: called as ("render", images done, images in all), first with what was there.

    Raises:
        InputError: no Blender, or `out` holds something else (nothing is touched).
        PrismError: the renderer failed; what it finished stays for the next call.
    """
    require_blender()
    staging = _claim(plan, engine, out)
    todo = [image for image in plan.images if not measured_file(staging, image.key).is_file()]
    done = len(plan.images) - len(todo)
    if on_image:
        on_image("render", done, len(plan.images))
    for key in _rendered(todo, engine, staging):
        done += 1
        if on_image:
            on_image(f"render {key}", done, len(plan.images))
    manifest = _assemble(plan, engine, out, staging)
    shutil.rmtree(staging)
    return manifest


def _claim(plan: Plan, engine: Engine, out: Path) -> Path:
    """The staging folder inside `out`, new or left by a call with the same identity."""
    staging = out / STAGING
    identity = json.dumps(_identity(plan, engine), indent=1, sort_keys=True)
    if (out / "dataset.json").exists():
        raise InputError(f"{out} already holds a dataset; give another --out, or delete it first")
    if not staging.is_dir():
        if out.is_dir() and any(out.iterdir()):
            raise InputError(f"{out} is not empty; --out has to name a new or an empty folder")
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file; --out has to name a new or an empty folder")
        staging.mkdir(parents=True)
        write_whole(staging / "identity.json", identity)
    _check_same(staging / "identity.json", identity, out)
    return staging


def _check_same(file: Path, identity: str, out: Path) -> None:
    before = json.loads(file.read_text()) if file.is_file() else {}
    now = json.loads(identity)
    differs = [key for key in now if before.get(key) != now[key]]
    if differs:
        changes = "; ".join(f"{key} was {before.get(key)}, is {now[key]}" for key in differs)
        raise InputError(
            f"{out} holds an unfinished dataset made with other settings ({changes}); "
            f"render with those, or give another --out"
        )


def _identity(plan: Plan, engine: Engine) -> dict[str, Any]:
    """What has to be equal for two calls to make the same dataset."""
    images = repr([(image.key, image.seed, image.values) for image in plan.images])
    return {
        "recipe": plan.recipe.name,
        "seed": plan.seed,
        "images": len(plan.images),
        "plan": hashlib.sha256(images.encode()).hexdigest()[:12],
        "engine": engine.settings(),
        "device": engine.device,
        "versions": _versions(),
        "scene_files": _scene_files(plan),
    }


def _scene_files(plan: Plan) -> dict[str, str]:
    """Digests of the files of all that stands in the pictures of the plan."""
    environments = {str(image.values["environment"]) for image in plan.images}
    cars = {car for image in plan.images for car in _cars_in(image)}
    # A user's own car lies elsewhere; its place says nothing about the pictures.
    files = {f"cars/{c}/{n}": car_folder(c) / n for c in cars for n in ("car.yaml", f"{c}.glb")}
    for file in map(environment_file, environments):
        files[f"environments/{file.name}"] = file
    # Walls, dirt and clouds are in many places; which ones, only the scene knows.
    for file in [file for name in surface_names() for file in surface_folder(name).iterdir()]:
        files[f"surfaces/{file.parent.name}/{file.name}"] = file
    return {name: sha256_of(files[name])[:12] for name in sorted(files)}


def _versions() -> dict[str, str]:
    return {
        "dml-prism": version("dml-prism"),
        "bpy": version("bpy"),
        "pillow": version("pillow"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


def _rendered(images: list[PlannedImage], engine: Engine, staging: Path) -> Iterator[str]:
    """Keys of images as they are finished by a worker process."""
    if not images:
        return
    log = staging / "blender.log"
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = blender_process(render_rows, theirs, log, engine, staging)
    theirs.close()
    try:
        for image in images:
            ours.send(image)
            answer = ours.recv()
            if isinstance(answer, PrismError):
                raise answer
            yield answer
        ours.send(None)
        process.join()
    except (EOFError, ConnectionError):
        process.join()
        raise PrismError(f"{died(process, log)}; the same command continues") from None
    finally:
        if process.is_alive():
            process.terminate()
            process.join()


def _assemble(plan: Plan, engine: Engine, out: Path, staging: Path) -> Manifest:
    rows = [_row(image, staging) for image in plan.images]
    sizes = [(staging / f"{image.key}.jpg").stat().st_size for image in plan.images]

    def files_of(key: str) -> dict[str, bytes]:
        return {ext: (staging / f"{key}.{ext}").read_bytes() for ext in ("jpg", "mask.png")}

    return write_dataset(
        out,
        name=_dataset_name(plan),
        version=DATASET_VERSION,
        license=_license(plan),
        credits=_credits(plan),
        recipe=plan.recipe.model_dump(mode="json"),
        seed=plan.seed,
        design="independent" if plan.sweep is None else "sweep",
        sweep_group=None if plan.sweep is None else plan.sweep.group,
        description=_description(plan),
        factors=plan.factors,
        rows=rows,
        sample_files=files_of,
        versions=_versions(),
        engine=engine.settings(),
        images_per_shard=images_per_shard_for(max(sizes)),
    )


def _dataset_name(plan: Plan) -> str:
    if plan.sweep is None:
        return f"{plan.recipe.name}-{len(plan.images)}"
    size = f"{plan.sweep.scenes}x{plan.sweep.variants}"
    if plan.sweep.group == plan.recipe.name:
        return f"{plan.recipe.name}-{size}"
    return f"{plan.recipe.name}-{plan.sweep.group}-{size}"


def _description(plan: Plan) -> str:
    if plan.sweep is None:
        return plan.recipe.description
    return (
        f"Controlled interventions: {plan.sweep.scenes} scenes drawn from the recipe "
        f"'{plan.recipe.name}' ({plan.recipe.title}), each rendered {plan.sweep.variants} times "
        f"with nothing but the factors of the group '{plan.sweep.group}' changed."
    )


def _row(image: PlannedImage, staging: Path) -> dict[str, Any]:
    measured = json.loads(measured_file(staging, image.key).read_text())
    return {
        "key": image.key,
        "split": image.split,
        "scene_id": image.scene_id,
        "variant_id": image.variant_id,
        "seed": image.seed,
        **image.values,
        **measured,
        "credits_id": ";".join(credit.id for credit in _credits_of(image)),
    }


def _license(plan: Plan) -> str:
    known = all(credit.license != UNKNOWN_LICENSE for credit in _credits(plan))
    return LICENSE if known else NO_LICENSE


def _credits(plan: Plan) -> list[Credit]:
    found = {credit.id: credit for image in plan.images for credit in _credits_of(image)}
    return [found[key] for key in sorted(found)]


def _credits_of(image: PlannedImage) -> list[Credit]:
    """Credits of all that stands in an image."""
    place = load_environment(str(image.values["environment"])).credit
    cars = [load_car(car).to_credit() for car in _cars_in(image)]
    return cars if place is None else [*cars, place]


def _cars_in(image: PlannedImage) -> list[str]:
    """The car, and those that are part of its place."""
    car, place = str(image.values["car_model"]), load_environment(str(image.values["environment"]))
    parked = place.cars() if isinstance(place, SiteSpec) else ()
    return [car, *(other for other in parked if other != car)]
