"""The one JSON document that `score`, `evaluate` and `compare` print and write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from dmlbench.comparison import Comparison
from dmlbench.results import Result
from dmlbench.results.files import PairsFile, PropertiesFile, RunFile, SaliencyFile
from dmlbench.scores.score import ScoredProperties
from dmldata.common.strict import StrictModel

SCHEMA_VERSION: Literal["1.0"] = "1.0"
"""Version of the document: the first number changes where a reader of it would break."""


class Measured(StrictModel):
    """What was measured of one model, or of embeddings from a file.

    Attributes:
        folder: folder of the results; null for embeddings from a file.
        run: the model, the dataset and all settings; null for embeddings from a file.
        properties: property scores.
        saliency: saliency maps; null if there are none.
        pairs: pairs of images that were explained; null if there are none.
    """

    folder: str | None = None
    run: RunFile | None = None
    properties: PropertiesFile | ScoredProperties
    saliency: SaliencyFile | None = None
    pairs: PairsFile | None = None

    @classmethod
    def of(cls, result: Result) -> Measured:
        """Return a result with the path of its folder."""
        return cls(
            folder=str(result.folder.path),
            run=result.run,
            properties=result.properties,
            saliency=result.saliency,
            pairs=result.pairs,
        )


class Measurements(StrictModel):
    """What a command measured, with nothing left out.

    Its JSON Schema, `json_schema`, is docs/measurements.schema.json.

    Attributes:
        results: of `score` and `evaluate`, one per model; empty for `compare`.
        comparison: of `compare`, and of `evaluate` with several models; else null.
        log: what `evaluate` would have said on the terminal.
    """

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    results: tuple[Measured, ...] = ()
    comparison: Comparison | None = None
    log: tuple[str, ...] = ()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `Measurements`, with the first sentence of each description."""
    schema = Measurements.model_json_schema()
    for described in (schema, *schema["$defs"].values()):
        if "description" in described:
            described["description"] = described["description"].partition("\n\n")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def measurements_of(
    results: Iterable[Result], comparison: Comparison | None = None, log: Iterable[str] = ()
) -> Measurements:
    """Return the document of results, with their comparison and what was said."""
    measured = tuple(map(Measured.of, results))
    return Measurements(results=measured, comparison=comparison, log=tuple(log))
