"""The saliency step: maps.npz and saliency.json."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from dmlbench.evaluation.dataset_input import scene_ids
from dmlbench.evaluation.map_images import choose_keys, merge_maps, precision_agreement
from dmlbench.evaluation.tasks import MapTask
from dmlbench.evaluation.workbench import Workbench, changes
from dmlbench.results.blocks import KEYS, SECONDS, Arrays, Blocks
from dmlbench.results.files import SaliencyFile, SaliencyRequest, Settings
from dmlbench.results.folder import MAPS, SALIENCY, Maps
from dmlbench.results.means import mean_reliability, plain_mean
from dmlbench.saliency import method_id, resolve_precision, takes
from dmlbench.saliency.map_input import AUTO, FULL, LOWER
from dmlbench.saliency.methods import SAMPLES, SIGMA, has_halves
from dmlbench.sources.fingerprint import seed_of

BLOCK = 8
"""Images per block of maps: the most that an interruption costs. If the number of maps depends on
the time they take, one block is timed, so this is then also the minimum number of maps."""

MAX_MAPS = 100
"""Default number of maps if time is not limited, as in the paper."""

MAP_SECONDS = 300.0
"""Time limit in seconds for the default number of maps of one model without a GPU."""

COMPARED = 4
"""Number of images on which a lower precision is compared with full precision."""


def saliency_step(bench: Workbench) -> SaliencyFile | None:
    """Compute the requested maps that are missing, reuse the others, and keep all existing maps.

    Returns:
        The content of saliency.json; None if no maps are requested and none exist, or if the model
        allows none.

    Raises:
        ModelError, DatasetError: the maps cannot be computed.
    """
    if bench.loaded.no_maps is not None:
        return None
    left = _left(bench)
    request = _request(bench, left[0].request if left else None)
    requested = bench.settings.maps
    if requested == 0:
        if left is not None:
            bench.say(f"maps: none requested; the {left[0].images} existing ones are kept")
        return left[0] if left else None
    if left is not None and left[0].request != request:
        bench.say(f"maps: made again ({changes(left[0].request, request)})")
        left = None
    if requested is not None and requested > len(bench.dataset):
        bench.say(
            f"maps: the dataset has {len(bench.dataset)} images; computing maps of all of them"
        )
    limited = requested is None and _takes_long(bench)
    if limited and left is not None:
        bench.say(
            f"maps: reused ({left[0].images} images{_how_to_get_more(bench, left[0].images)})"
        )
        return left[0]
    count = MAX_MAPS if requested is None else requested
    present = set(left[0].keys) if left else set()
    missing = [key for key in choose_keys(bench.dataset, count) if key not in present]
    if left is not None and not missing:
        bench.say(f"maps: reused ({len(present)} images)")
        return left[0]
    if left is not None:
        bench.say(f"maps: {len(present)} images reused, {len(missing)} to make")
    blocks = bench.blocks("saliency", request)
    parts = [left[1]] if left is not None else []
    written = _write(bench, request, [*parts, *_make(bench, request, missing, blocks, limited)])
    blocks.remove()
    if written.images > count:
        bench.say(f"maps: of {written.images} images; more than {count} existed already")
    return written


def maps_in_time(seconds: float, most: int) -> int:
    """Return how many maps fit in MAP_SECONDS, at least BLOCK and at most `most`.

    Args:
        seconds: time that the maps of one image take.

    >>> maps_in_time(5.0, 100), maps_in_time(60.0, 100), maps_in_time(0.1, 64)
    (60, 8, 64)
    """
    return min(max(round(MAP_SECONDS / seconds), BLOCK), most)


def _takes_long(bench: Workbench) -> bool:
    # A cluster may have the GPU that this machine lacks.
    return bench.is_local and bench.local_device.type == "cpu"


def _how_to_get_more(bench: Workbench, images: int) -> str:
    most = min(MAX_MAPS, len(bench.dataset))
    return f"; --maps {most} makes {most}" if images < most else ""


def _request(bench: Workbench, earlier: SaliencyRequest | None) -> SaliencyRequest:
    """Return what the settings ask for; maps of either precision that exist fit "auto"."""
    settings = bench.settings
    method = settings.method
    request = SaliencyRequest(
        method=method_id(method),
        samples=_samples(settings) if takes(method, "samples") else None,
        sigma=SIGMA if takes(method, "sigma") else None,
        seed=settings.seed if takes(method, "seed") else None,
        distance=bench.loaded.distance,
        precision=_precision(bench),
    )
    if settings.precision == AUTO and earlier is not None:
        as_before = request.model_copy(update={"precision": earlier.precision})
        return earlier if earlier == as_before else request
    return request


def _samples(settings: Settings) -> int | Literal["auto"]:
    """Return the number of noisy copies: "auto" only where their halves tell when it is enough."""
    countless = settings.samples == AUTO and not has_halves(settings.method)
    return SAMPLES if countless else settings.samples


def _precision(bench: Workbench) -> str:
    """Return the precision of new maps; on a cluster, what "auto" is on this machine's CPU."""
    return resolve_precision(bench.settings.precision, bench.local_device)


def _left(bench: Workbench) -> tuple[SaliencyFile, Maps] | None:
    described = bench.read_earlier(SALIENCY, bench.folder.read_saliency)
    if described is None:
        return None
    maps = bench.read_earlier(MAPS, lambda: bench.folder.read_maps(described))
    return None if maps is None else (described, maps)


def _make(
    bench: Workbench, request: SaliencyRequest, keys: list[str], blocks: Blocks, limited: bool
) -> list[Maps]:
    """Compute the maps of these images, resuming from blocks of an interrupted call.

    Args:
        limited: compute only as many maps as fit in MAP_SECONDS.
    """
    task = MapTask(
        request, bench.settings.device, bench.settings.batch_size, bench.dataset.has_masks
    )
    with bench.step("saliency"):
        if bench.settings.precision == LOWER:
            _say_agreement(bench, request, keys[:COMPARED])
        first = choose_keys(bench.dataset, BLOCK)
        if limited and len(first) < len(keys):
            timed = _finish(bench, task, first, blocks, "the first saliency maps")
            images = sum(len(block[KEYS]) for block in timed)
            seconds = sum(float(block[SECONDS]) for block in timed)
            count = maps_in_time(seconds / images, len(keys))
            chosen = set(choose_keys(bench.dataset, count)) - set(first)
            keys = [key for key in keys if key in chosen]
            bench.say(
                f"maps: {count} images, as many as fit about {MAP_SECONDS / 60:.0f} minutes here"
                f"{_how_to_get_more(bench, count)}"
            )
        _finish(bench, task, keys, blocks, "saliency maps")
    return [Maps.from_arrays(block) for block in blocks.read()]


def _finish(
    bench: Workbench, task: MapTask, keys: list[str], blocks: Blocks, what: str
) -> list[Arrays]:
    with bench.progress(what, len(keys)) as bar:
        finished = bench.finish(task, keys, BLOCK, blocks, bar.advance)
    return [block for block in finished if not set(keys).isdisjoint(block[KEYS].tolist())]


def _say_agreement(bench: Workbench, request: SaliencyRequest, keys: list[str]) -> None:
    settings = bench.settings
    where: dict[str, Any] = {"device": settings.device, "chunk": settings.batch_size}
    r = precision_agreement(bench.loaded, bench.dataset, keys, request, **where)
    shown = "none" if r is None else f"{r:.5f}"
    bench.say(f"maps: {request.precision} against {FULL} on {len(keys)} images: mean r = {shown}")


def _write(bench: Workbench, request: SaliencyRequest, parts: list[Maps]) -> SaliencyFile:
    held = {key for part in parts for key in part.keys.tolist()}
    keys = [key for key in bench.dataset.samples["key"].to_pylist() if key in held]
    maps = merge_maps(parts, keys)
    scenes = _scenes_of(bench, keys)
    seed = seed_of(bench.dataset.fingerprint)
    content = SaliencyFile(
        subject=bench.subject,
        maps_sha256=bench.folder.write_maps(maps),
        request=request,
        images=len(keys),
        keys=tuple(keys),
        scenes=scenes,
        attention_on_car=plain_mean(
            maps.attention_on_car,
            scenes,
            np.random.default_rng(seed),
            absent=None if bench.dataset.has_masks else "the images have no masks",
            limits=(-math.inf, 1.0),
        ),
        reliability=mean_reliability(
            maps.half_correlation, request, scenes, np.random.default_rng(seed)
        ),
        mean_samples=float(maps.samples.mean()) if request.samples == AUTO else None,
    )
    bench.folder.write(content)
    return content


def _scenes_of(bench: Workbench, keys: list[str]) -> tuple[int, ...] | None:
    scenes = scene_ids(bench.dataset)
    if scenes is None:
        return None
    by_key = dict(zip(bench.dataset.samples["key"].to_pylist(), scenes, strict=True))
    return tuple(by_key[key] for key in keys)
