"""The step of the properties: embeddings.npy and properties.json."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dmlbench.evaluate.dataset_input import dataset_properties, embed_dataset, scene_ids
from dmlbench.evaluate.workbench import Workbench, changes, from_json
from dmlbench.properties import score_properties
from dmlbench.results.files import PropertiesFile, PropertyRequest
from dmlbench.results.folder import PROPERTIES


def properties_step(bench: Workbench) -> PropertiesFile:
    """The properties' scores that are wanted: reused, or made and written.

    Raises:
        ModelError, DatasetError: from embedding the images.
    """
    wanted = bench.settings
    request = PropertyRequest(seed=wanted.seed, intervals=wanted.intervals, chance=wanted.chance)
    left = bench.left(PROPERTIES, bench.folder.read_properties)
    if left is not None and left.request == request and left.keeps_replicates:
        bench.say("properties: reused")
        return left
    if left is not None:
        why = changes(left.request, request) or "an earlier version kept no replicates"
        bench.say(f"properties: made again ({why})")
    embeddings = _embed(bench) if left is None else bench.folder.read_embeddings()
    with bench.step("properties"), bench.progress("score properties", None) as bar:
        scores = score_properties(
            embeddings,
            dataset_properties(bench.dataset),
            scenes=scene_ids(bench.dataset),
            progress=bar.report,
            **request.model_dump(),
        )
    digest = left.embeddings_sha256 if left else bench.folder.write_embeddings(embeddings)
    given = {"subject": bench.subject, "request": request, "embeddings_sha256": digest}
    found = from_json(PropertiesFile, given | scores)
    bench.folder.write(found)
    return found


def _embed(bench: Workbench) -> NDArray[np.float32]:
    with bench.step("embeddings"), bench.progress("embed images", len(bench.dataset)) as bar:
        return embed_dataset(
            bench.loaded,
            bench.dataset,
            batch_size=bench.settings.batch_size,
            device=bench.settings.device,
            progress=bar.advance,
        )
