"""Run all steps of the protocol for one model on one dataset, into a results folder.

Parts that exist and were computed with the same settings are reused.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from dmlbench.evaluation import provenance
from dmlbench.evaluation.dataset_input import input_notes
from dmlbench.evaluation.executor import Executor, LocalExecutor
from dmlbench.evaluation.faithfulness_step import with_faithfulness
from dmlbench.evaluation.pairs_step import pairs_step
from dmlbench.evaluation.properties_step import properties_step
from dmlbench.evaluation.saliency_step import saliency_step
from dmlbench.evaluation.workbench import Workbench, from_json
from dmlbench.models import LoadedModel, StoredEmbeddings
from dmlbench.results.files import (
    DatasetRecord,
    ModelRecord,
    PairsFile,
    RunFile,
    SaliencyFile,
    Settings,
    Subject,
)
from dmlbench.results.find import Result
from dmlbench.results.folder import (
    EMBEDDINGS,
    MAPS,
    PAIR_MAPS,
    PAIRS,
    PROPERTIES,
    RUN,
    SALIENCY,
    ResultFolder,
)
from dmlbench.sources import ImageSource
from dmldata.common.output import Say, say
from dmldata.common.text import without_credentials

PARTS = ("embeddings", "properties", "saliency", "pairs")


def evaluate_model(
    loaded: LoadedModel,
    dataset: ImageSource,
    out: Path,
    settings: Settings,
    *,
    executor: Executor | None = None,
    name: str | None = None,
    say: Say = say,
    quiet: bool = False,
) -> Result:
    """Measure a model on a dataset, reusing what an earlier call computed.

    Args:
        loaded: a model from `dmlbench.load_model`.
        out: results are written to `out/<model id>/<dataset fingerprint>/`.
        settings: what to measure.
        executor: runs the work on the images; by default this process.
        name: name of the model in tables; by default its id without the hash.
        say: called with one line for each part that is reused or computed again, and for each
            assumption.
        quiet: show no progress bars.

    Raises:
        ModelError, DatasetError: the model or the dataset is not valid.
        PrismError: the device does not have enough memory.
    """
    if not isinstance(loaded, StoredEmbeddings):
        say(f"preprocessing: {loaded.preprocessing}")
    loaded = dataclasses.replace(loaded, notes=(*loaded.notes, *input_notes(loaded, dataset)))
    subject = Subject(
        model=loaded.id,
        weights_sha256=provenance.weights_sha256(loaded),
        dataset=dataset.fingerprint,
    )
    folder = ResultFolder(out / loaded.id / dataset.fingerprint)
    executor = executor or LocalExecutor(loaded, dataset)
    bench = Workbench(loaded, dataset, settings, folder, subject, executor, say, quiet)
    earlier = bench.read_earlier(RUN, folder.read_run)
    for note in (*loaded.notes, *dataset.notes):
        say(f"note: {note}")
    properties = properties_step(bench)
    saliency = saliency_step(bench)
    if saliency is not None:
        saliency = with_faithfulness(bench, saliency)
    pairs = pairs_step(bench, properties, saliency)
    name = name or loaded.id.rpartition("-")[0] or loaded.id
    run = _finish(bench, earlier, name, saliency, pairs)
    return Result(folder, run, properties, saliency, pairs)


def _finish(
    bench: Workbench,
    earlier: RunFile | None,
    name: str,
    saliency: SaliencyFile | None,
    pairs: PairsFile | None,
) -> RunFile:
    """Return run.json, and write it if it differs from the earlier one, or that is gone."""
    settings = bench.settings.model_copy(update={"maps": saliency.images if saliency else 0})
    steps = dict.fromkeys(PARTS) | (earlier.steps if earlier else {}) | bench.made
    if earlier is not None and not bench.made:
        settings = earlier.settings
    if saliency is None:
        steps["saliency"] = None
    if pairs is None:
        steps["pairs"] = None
    described = bench.loaded.describe() | {"weights_sha256": bench.subject.weights_sha256}
    run = RunFile(
        name=name,
        model=from_json(ModelRecord, described),
        dataset=_dataset_record(bench.dataset),
        settings=settings,
        steps=steps,
        files=bench.folder.digests(
            *(EMBEDDINGS, PROPERTIES),
            *((MAPS, SALIENCY) if saliency is not None else ()),
            *((PAIR_MAPS, PAIRS) if pairs is not None else ()),
        ),
        notes=(*bench.loaded.notes, *bench.dataset.notes),
    )
    if run != earlier or not bench.folder.holds(RUN):
        bench.folder.write(run)
    return run


def _dataset_record(dataset: ImageSource) -> DatasetRecord:
    manifest = dataset.manifest
    return DatasetRecord(
        url=without_credentials(dataset.url),
        options=dict(dataset.options),
        name=manifest.name,
        version=manifest.version,
        fingerprint=manifest.fingerprint,
        images=manifest.images,
        image_size=manifest.image_size,
        design=manifest.design,
    )
