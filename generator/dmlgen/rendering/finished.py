"""Check whether an existing dataset is the one that a command asks for."""

from __future__ import annotations

from pathlib import Path

from dmldata.common.errors import InputError
from dmldata.contract.manifest import MANIFEST_FILE, Manifest, read_manifest
from dmlgen.planning.draw import Plan
from dmlgen.planning.presets import Engine
from dmlgen.rendering.assemble import dataset_name
from dmlgen.rendering.identity import differences, own_files

NEW_FOLDER = "choose a new or an empty folder with --out"


def finished(plan: Plan, engine: Engine, out: Path, instead: str = NEW_FOLDER) -> Manifest | None:
    """Return the manifest of the dataset in `out`; None if there is none yet.

    Args:
        instead: what the error message advises if it is another dataset.

    Raises:
        InputError: `out` holds another dataset than the plan and the engine make.
        DatasetError: its dataset.json is not valid.
    """
    file = out / MANIFEST_FILE
    if not file.is_file():
        return None
    manifest = read_manifest(file.read_bytes(), str(file))
    check_request(manifest, plan, engine, str(out), instead)
    return manifest


def check_request(
    manifest: Manifest, plan: Plan, engine: Engine, where: str, instead: str = NEW_FOLDER
) -> None:
    """Check that a finished dataset is what a plan and an engine make.

    Versions of packages and files of the project are not compared: what is finished is not
    rendered again.

    Args:
        where: its folder or URL, for the message.
        instead: what the error message advises if it is another dataset.

    Raises:
        InputError: it is another dataset; the message says how it differs.
    """
    existing: dict[str, object] = {
        "name": manifest.name,
        "seed": manifest.seed,
        "images": manifest.images + len(manifest.set_aside),
        "engine": manifest.engine,
        "own_files": manifest.own_files,
    }
    requested: dict[str, object] = {
        "name": dataset_name(plan),
        "seed": plan.seed,
        "images": len(plan.images),
        "engine": engine.settings(),
        "own_files": own_files(plan),
    }
    differs = differences(existing, requested)
    recipe = plan.recipe.model_dump(mode="json")
    # Whole recipes are too long for one line.
    changed = [field for field in recipe if recipe[field] != manifest.recipe.get(field)]
    if changed:
        differs.append(f"the recipe differs in {', '.join(changed)}")
    if differs:
        raise InputError(
            f"{where} holds another dataset, {manifest.name} ({'; '.join(differs)}); {instead}"
        )
