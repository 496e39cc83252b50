"""Whether the saliency maps of a result are faithful: a part of saliency.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmlbench.evaluation.dataset_input import scene_ids
from dmlbench.evaluation.faithfulness_tasks import CurveTask, RandomizationTask
from dmlbench.evaluation.map_images import choose_among
from dmlbench.evaluation.tasks import Task
from dmlbench.evaluation.workbench import Workbench
from dmlbench.maps import agreement_with_bounds, changed_pixels, localization, pearson
from dmlbench.models import Preprocessing
from dmlbench.results.blocks import KEYS, SECONDS
from dmlbench.results.files import (
    Faithfulness,
    FaithfulnessRequest,
    Mean,
    RandomizedStage,
    SaliencyFile,
)
from dmlbench.results.folder import Maps
from dmlbench.results.means import Scenes, fisher_mean, plain_mean
from dmlbench.saliency import Stage, randomization_stages
from dmlbench.sources.fingerprint import seed_of
from dmldata.common.errors import ModelError

BLOCK = 4
"""Images per block of deletion and insertion."""

MAPS_PER_IMAGE, MIN_IMAGES = 5, 4
"""By default one image in five with maps is checked, and at least four are."""

IMAGES_PER_RANDOMIZED = 5
"""One checked image in five has its map made again with randomized weights, which takes as long as
a map per stage."""


def with_faithfulness(bench: Workbench, saliency: SaliencyFile) -> SaliencyFile:
    """Return saliency.json with the faithfulness of its maps, measured where it is missing.

    Raises:
        ModelError, DatasetError: it cannot be measured.
    """
    requested = bench.settings.faithfulness
    if requested == 0 or bench.settings.maps == 0:
        return saliency
    default = max(MIN_IMAGES, saliency.images // MAPS_PER_IMAGE)
    images = min(requested or default, saliency.images)
    request = FaithfulnessRequest(
        images=images, randomized=images // IMAGES_PER_RANDOMIZED, seed=bench.settings.seed
    )
    if saliency.faithfulness is not None and saliency.faithfulness.request == request:
        bench.say(f"faithfulness of maps: reused (images: {images})")
        return saliency
    with bench.step("faithfulness"):
        faithfulness = _measure(bench, saliency, request)
    measured = saliency.model_copy(update={"faithfulness": faithfulness})
    bench.folder.write(measured)
    for part in ("curves", "randomized"):
        bench.blocks(part).remove()
    return measured


def _measure(
    bench: Workbench, saliency: SaliencyFile, request: FaithfulnessRequest
) -> Faithfulness:
    maps = bench.folder.read_maps(saliency)
    keys = choose_among(bench.dataset, saliency.keys, request.images)
    rows = dict(zip(keys, maps.rows_of(keys).tolist(), strict=True))
    how: dict[str, Any] = {
        "request": saliency.request,
        "device": bench.settings.device,
        "chunk": bench.settings.batch_size,
        "seed": request.seed,
    }
    task = CurveTask(maps={key: maps.maps[row] for key, row in rows.items()}, **how)
    areas = _run(bench, "curves", saliency, request, task, keys, BLOCK)
    scenes, rng = saliency.scenes_of(keys), _generator(bench)
    absent = "blurring does not change the distance of any image"
    stages, reason = _stages(bench, saliency, request, maps, RandomizationTask(**how))
    return Faithfulness(
        request=request,
        deletion=plain_mean(areas["deletion"], scenes, rng, absent, (-1.0, 1.0)),
        insertion=plain_mean(areas["insertion"], scenes, _generator(bench), absent, (-1.0, 1.0)),
        localization=_localization(bench, saliency, maps),
        stages=stages,
        not_randomized=reason,
    )


def _run(
    bench: Workbench,
    part: str,
    saliency: SaliencyFile,
    request: FaithfulnessRequest,
    task: Task,
    keys: list[str],
    size: int,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a task for these images, in their order; see `Workbench.finish`."""
    blocks = bench.blocks(part, saliency.model_copy(update={"faithfulness": None}), request)
    with bench.progress(task.makes, len(keys)) as bar:
        finished = bench.finish(task, keys, size, blocks, bar.advance)
    finished_keys = np.concatenate([block[KEYS] for block in finished]).tolist()
    order = [finished_keys.index(key) for key in keys]
    names = finished[0].keys() - {KEYS, SECONDS}
    return {name: np.concatenate([block[name] for block in finished])[order] for name in names}


def _stages(
    bench: Workbench,
    saliency: SaliencyFile,
    request: FaithfulnessRequest,
    maps: Maps,
    task: RandomizationTask,
) -> tuple[tuple[RandomizedStage, ...], str | None]:
    """Return the stages of the cascade, or why the model's weights cannot be randomized."""
    keys = choose_among(bench.dataset, saliency.keys, request.randomized)
    if not keys:
        return (), f"only {request.images} maps are checked, and {IMAGES_PER_RANDOMIZED} are needed"
    try:
        stages = randomization_stages(bench.loaded.model)
        randomized = _run(bench, "randomized", saliency, request, task, keys, 1)["maps"]
    except ModelError as error:
        return (), str(error).removeprefix(f"{bench.loaded.reference}: ")
    ours, scenes = maps.maps[maps.rows_of(keys)], saliency.scenes_of(keys)
    return tuple(
        _stage(stage, ours, randomized[:, number], scenes, bench)
        for number, stage in enumerate(stages)
    ), None


def _stage(
    stage: Stage,
    maps: NDArray[np.float16],
    randomized: NDArray[np.float16],
    scenes: Scenes,
    bench: Workbench,
) -> RandomizedStage:
    none = np.ones(len(maps))
    try:
        bounds = agreement_with_bounds(
            maps, randomized, none, none, rng=_generator(bench), scenes=scenes
        )
        floor = bounds.floor.value
    except ValueError:
        floor = None
    return RandomizedStage(
        layers=stage.layers,
        all_layers=stage.all_layers,
        lowest=stage.lowest,
        correlation=fisher_mean(pearson(maps, randomized), scenes, _generator(bench)),
        floor=floor,
    )


def _localization(bench: Workbench, saliency: SaliencyFile, maps: Maps) -> Mean:
    """Compare each map with the pixels that differ in the scene's next variant."""
    swept = bench.dataset.manifest.sweep_group is not None
    scenes = scene_ids(bench.dataset) if swept else None
    values = np.full(len(maps.keys), np.nan)
    if scenes is not None:
        variants = _next_variants(bench.dataset.samples["key"].to_pylist(), scenes)
        pairs = [(key, variants[key]) for key in saliency.keys]
        keys = {key for pair in pairs for key in pair}
        items = bench.dataset.samples_iter(keys=keys, with_mask=False)
        pixels = {item.key: _pixels(item.image, bench.loaded.preprocessing) for item in items}
        for row, (key, variant) in enumerate(pairs):
            changed = changed_pixels(pixels[key], pixels[variant])
            score = localization(maps.maps[row], changed)
            values[row] = np.nan if score is None else score
    absent = (
        "only a sweep tells which pixels change"
        if scenes is None
        else "no pixel changes between the variants of a scene, or all do"
    )
    return plain_mean(values, saliency.scenes, _generator(bench), absent, (0.0, 1.0))


def _next_variants(keys: Sequence[str], scenes: Sequence[int]) -> dict[str, str]:
    """Return the image of the same scene that follows each image, the first after the last.

    >>> _next_variants(["a", "b", "c", "d"], [0, 1, 0, 0])
    {'a': 'c', 'c': 'd', 'd': 'a', 'b': 'b'}
    """
    keys_by_scene: dict[int, list[str]] = {}
    for key, scene in zip(keys, scenes, strict=True):
        keys_by_scene.setdefault(scene, []).append(key)
    return {
        key: following
        for members in keys_by_scene.values()
        for key, following in zip(members, [*members[1:], members[0]], strict=True)
    }


def _pixels(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the pixels that the model sees [3, H, W], black 0 and white 1."""
    mean, std = (
        np.reshape(channels, (3, 1, 1)) for channels in (preprocessing.mean, preprocessing.std)
    )
    tensor = preprocessing.to_tensor(image).numpy()
    return np.asarray((tensor * std + mean) / preprocessing.scale, np.float32)


def _generator(bench: Workbench) -> np.random.Generator:
    """Return the generator of jackknife groups and partners: the same for all models."""
    return np.random.default_rng(seed_of(bench.dataset.fingerprint))
