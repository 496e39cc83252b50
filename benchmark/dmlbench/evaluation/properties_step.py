"""The property step: embeddings.npy and properties.json."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dmlbench.evaluation.dataset_input import (
    SCENES,
    dataset_properties,
    scene_ids,
    swept_factors,
)
from dmlbench.evaluation.tasks import EmbedTask
from dmlbench.evaluation.workbench import Workbench, changes
from dmlbench.models import StoredEmbeddings
from dmlbench.results.blocks import KEYS, Blocks
from dmlbench.results.files import CLASSES, Interventions, PropertiesFile, PropertyRequest
from dmlbench.results.folder import PROPERTIES
from dmlbench.scores.interventions import measure_interventions
from dmlbench.scores.options import ScoreSettings
from dmlbench.scores.score_properties import measure_properties

BATCH = 32
BLOCK = 1024
"""Images per block of embeddings: the most that an interruption costs."""


def properties_step(bench: Workbench) -> PropertiesFile:
    """Return the requested property scores: reused, or computed and written.

    Raises:
        ModelError, DatasetError: the images cannot be embedded.
        UnknownNameError: a requested property does not vary.
    """
    settings = bench.settings
    request = PropertyRequest(
        seed=settings.seed, intervals=settings.intervals, chance=settings.chance, only=settings.only
    )
    left = bench.read_earlier(PROPERTIES, bench.folder.read_properties)
    if left is not None and left.request == request:
        bench.say("properties: reused")
        return left
    if left is not None:
        bench.say(f"properties: made again ({changes(left.request, request)})")
    properties = dataset_properties(bench.dataset, request.only)
    blocks = bench.blocks("embeddings")
    embeddings = _embed(bench, blocks) if left is None else bench.folder.read_embeddings()
    device = str(bench.local_device) if bench.local_device.type == "cuda" else "cpu"
    with bench.step("properties"), bench.progress("score properties", None) as bar:
        scenes = scene_ids(bench.dataset)
        scored = measure_properties(
            embeddings,
            properties,
            ScoreSettings(
                request.seed,
                request.intervals,
                request.chance,
                progress=bar.report,
                device=device,
            ),
            scenes=scenes,
            held=next((name for name in CLASSES if name in properties), None),
        )
        interventions = _interventions(bench, embeddings)
    digest = left.embeddings_sha256 if left else bench.folder.write_embeddings(embeddings)
    file = PropertiesFile(
        subject=bench.subject,
        embeddings_sha256=digest,
        request=request,
        n=scored.n,
        dimensions=scored.dimensions,
        scenes=None if scenes is None else tuple(scenes),
        properties=scored.properties,
        settings=scored.settings,
        notes=scored.notes,
        geometry=scored.geometry,
        interventions=interventions,
    )
    bench.folder.write(file)
    blocks.remove()
    return file


def _interventions(bench: Workbench, embeddings: NDArray[np.float32]) -> Interventions | None:
    dataset = bench.dataset
    group = dataset.manifest.sweep_group
    if group is None:
        return None
    return measure_interventions(
        embeddings,
        dataset.samples[SCENES].to_pylist(),
        dataset.samples["variant_id"].to_pylist(),
        dataset.values(CLASSES[0]),
        group=group,
        swept=swept_factors(dataset),
        seed=bench.settings.seed,
        intervals=bench.settings.intervals,
    )


def _embed(bench: Workbench, blocks: Blocks) -> NDArray[np.float32]:
    """Return embeddings [N, D] of all images, in the order of the dataset."""
    keys: list[str] = bench.dataset.samples["key"].to_pylist()
    if isinstance(bench.loaded, StoredEmbeddings):
        return bench.loaded.of(keys)
    task = EmbedTask(bench.settings.batch_size or BATCH, bench.settings.device)
    with bench.step("embeddings"), bench.progress("embed images", len(keys)) as bar:
        finished = bench.finish(task, keys, BLOCK, blocks, bar.advance)
    rows = {
        key: row
        for block in finished
        for key, row in zip(block[KEYS].tolist(), block["embeddings"], strict=True)
    }
    return np.stack([rows[key] for key in keys])
