"""Assemble the frames of a plan into its dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dmldata.card.licenses import license_problems, pictures_license
from dmldata.common.errors import InputError, PrismError
from dmldata.common.progress import Progress
from dmldata.contract.layout import images_per_shard_for
from dmldata.contract.manifest import Credit, Manifest, SetAside
from dmldata.contract.samples import Row
from dmldata.writer import DatasetFacts, write_dataset
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.places import load_environment
from dmlgen.catalog.surfaces import credit_of_surface
from dmlgen.planning.draw import Plan
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import Engine
from dmlgen.rendering.identity import own_files, versions
from dmlgen.rendering.store import FrameStore
from dmlgen.rendering.works import Works, works_in, works_of

NO_LICENSE = "LicenseRef-unknown-do-not-publish"
"""License of a dataset that shows a work whose license is unknown or forbids publication."""
DATASET_VERSION = "1.0.0"

StoreOf = Callable[[str], FrameStore]


def assemble(
    plan: Plan,
    engine: Engine,
    out: Path,
    store_of: StoreOf,
    set_aside: Mapping[str, str],
    progress: Progress | None = None,
) -> Manifest:
    """Write the dataset of a plan; the same frames give the same bytes, whoever rendered them.

    Args:
        store_of: maps a key to the store that holds its frame.
        set_aside: rows without a frame, with the reason; they are left out, and the manifest
            names them.
        progress: called as ('write shards', images done, total images).

    Raises:
        PrismError: no image is left.
    """
    images = [image for image in plan.images if image.key not in set_aside]
    if not images:
        raise PrismError(f"no picture could be rendered: {next(iter(set_aside.values()))}")
    rows = [_row(image, store_of(image.key).measured(image.key)) for image in images]
    largest = max(store_of(image.key).bytes_of(image.key) for image in images)
    credits = credits_of(plan)
    facts = DatasetFacts(
        name=dataset_name(plan),
        version=DATASET_VERSION,
        license=_license(credits),
        credits=credits,
        recipe=plan.recipe.model_dump(mode="json"),
        seed=plan.seed,
        design="independent" if plan.sweep is None else "sweep",
        sweep_group=None if plan.sweep is None else plan.sweep.group,
        description=_description(plan),
        factors=plan.factors,
        versions=versions(),
        own_files=own_files(plan),
        engine=engine.settings(),
        set_aside=tuple(SetAside(key=k, why=why) for k, why in sorted(set_aside.items())),
    )
    return write_dataset(
        out,
        facts,
        rows,
        lambda key: store_of(key).files(key),
        images_per_shard=images_per_shard_for(largest),
        progress=progress,
    )


def dataset_name(plan: Plan) -> str:
    """Return the name of a plan's dataset: its recipe, its swept group and its size."""
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


def _row(image: PlannedImage, measured: Row) -> Row:
    return {
        "key": image.key,
        "split": image.split,
        "scene_id": image.scene_id,
        "variant_id": image.variant_id,
        "seed": image.seed,
        **image.values,
        **measured,
        "credits_id": ";".join(credit.id for credit in _credits(works_in(image))),
    }


def _license(credits: Sequence[Credit]) -> str:
    works = {credit.id: credit.license for credit in credits}
    return NO_LICENSE if any(license_problems(works)) else pictures_license(works)


def credits_of(plan: Plan) -> tuple[Credit, ...]:
    """Return the credits of all works that the images of a plan show, sorted by id.

    Raises:
        InputError: two works have one id.
    """
    by_id: dict[str, Credit] = {}
    for credit in _credits(works_of(plan)):
        other = by_id.setdefault(credit.id, credit)
        if other != credit:
            titles = " and ".join(
                sorted(f"'{work.title}' by {work.author}" for work in (credit, other))
            )
            raise InputError(
                f"credit.id: {titles} are both '{credit.id}'; give one of them another id"
            )
    return tuple(by_id[key] for key in sorted(by_id))


def _credits(works: Works) -> list[Credit]:
    """Return the credits of works: of cars first, of surfaces last."""
    cars = [load_car(car).to_credit() for car in works.cars]
    places = [load_environment(name).credit for name in works.environments]
    surfaces = [credit_of_surface(name) for name in works.surfaces]
    return [*cars, *(credit for credit in (*places, *surfaces) if credit is not None)]
