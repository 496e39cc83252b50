"""Property scores of embeddings and labels in memory, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from dmlbench.api.frames import score_frame
from dmlbench.present.result_tables import score_table
from dmlbench.present.table_writers import html_table
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.options import ScoreSettings
from dmlbench.scores.score import ScoredProperties
from dmlbench.scores.score_properties import measure_properties
from dmlbench.sources.label_table import label_table
from dmlbench.sources.properties import Cell
from dmlbench.sources.property_file import PropertySpec
from dmldata.common.errors import InputError, one_line
from dmldata.common.strict import explain


@dataclass(frozen=True)
class ScoredEmbeddings:
    """Property scores of one set of embeddings; a notebook shows their table.

    Attributes:
        scores: all of it, typed.

    >>> one_hot = np.eye(4)[np.arange(40) % 4]
    >>> scored = score(one_hot, {"shape": [f"s{number % 4}" for number in range(40)]})
    >>> scored.to_frame().set_index("score").loc["arp", "value"]
    1.0
    """

    scores: ScoredProperties

    def to_frame(self) -> pd.DataFrame:
        """Return the scores with the columns `dmlbench.api.frames.COLUMNS`."""
        return score_frame({"embeddings": self.scores.properties})

    def __repr__(self) -> str:
        names = ", ".join(self.scores.properties)
        return f"<scores of {self.scores.n} embeddings by {names}>"

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.scores.notes)
        return html_table(score_table(self.scores.properties)) + notes


def score(
    embeddings: object,
    labels: object,
    *,
    kinds: Mapping[str, str | Mapping[str, Any]] | None = None,
    **settings: Any,
) -> ScoredEmbeddings:
    """Score embeddings by the properties of their images, as `dmlbench score` does.

    Args:
        embeddings: [N, D] numbers: NumPy, torch on any device, or a DataFrame.
        labels: N rows: a DataFrame or a dictionary with a column per property, or one array, which
            is the property `label`. Kinds are inferred as from a file, and notes say which were:
            text is categorical, as are whole numbers that occur twice or more on average; other
            numbers are linear and put into bins. So name the kind of class ids, or give them as
            text. A column `key` is left out, and `scene_id` holds the scene of each image, without
            a gap; an empty cell of another is an image without a label.
        kinds: what is known of a property: its kind ('categorical', 'linear', 'cyclic', 'ignore'),
            or a dictionary as in a property file: `{"kind": "cyclic", "period": 360}`.
        settings: as of `dmlbench.scores.score_properties`: seed, intervals, chance, permutations,
            max_queries, threads, device.

    Raises:
        InputError: the arrays, a label or a setting is not valid; the message names the place.

    >>> import numpy as np
    >>> shapes = np.repeat(["cube", "ball", "cone"], 10)
    >>> scored = score(np.repeat(np.eye(3), 10, axis=0), shapes, chance=False, intervals=False)
    >>> scored.to_frame().query("score == 'arp'")[["property", "value"]].to_numpy().tolist()
    [['label', 1.0]]
    """
    array = check_embeddings(_array(embeddings))
    columns = _columns(labels)
    rows = {len(cells) for cells in columns.values()}
    if rows != {len(array)}:
        lengths = ", ".join(f"{name} {len(cells)}" for name, cells in columns.items())
        raise InputError(
            f"labels: {lengths or 'no column'} rows for {len(array)} embeddings; valid: one row "
            "per embedding, in the same order"
        )
    table = label_table(columns, len(array), _specs(kinds or {}), "labels")
    try:
        chosen = ScoreSettings(**settings)
    except TypeError as reason:
        raise InputError(
            f"score: {reason}; valid: {', '.join(field.name for field in fields(ScoreSettings))}"
        ) from None
    chosen.check()
    if chosen.device != "cpu":
        from dmlbench.models.execution import pick_device

        pick_device(chosen.device)
    scored = measure_properties(array, table.properties, chosen, scenes=table.scenes)
    notes = (*scored.notes, *table.notes)
    return ScoredEmbeddings(scored.model_copy(update={"notes": notes}))


def _array(embeddings: object) -> NDArray[Any]:
    """Return embeddings as a NumPy array; those of a network may need gradients or be on a GPU."""
    if hasattr(embeddings, "detach"):
        tensor = embeddings.detach().cpu()
        return np.asarray((tensor if tensor.dtype.itemsize > 2 else tensor.float()).numpy())
    if isinstance(embeddings, list | tuple):
        embeddings = [_array(row) if hasattr(row, "detach") else row for row in embeddings]
    try:
        return np.asarray(embeddings)
    except ValueError as error:
        raise InputError(f"embeddings: {one_line(error)}; valid: [N, D] numbers") from None


def _columns(labels: object) -> dict[str, list[Cell]]:
    """Return labels as columns of plain cells; one array is the column `label`."""
    if isinstance(labels, pd.DataFrame | Mapping):
        names = [str(name) for name in labels]
        if not names:
            raise InputError("labels: no column; valid: a column per property, or one array")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"labels: two columns are called '{twice}'; valid: one per property")
        return {str(name): _cells(labels[name]) for name in labels}
    name = labels.name if isinstance(labels, pd.Series) and labels.name is not None else "label"
    return {str(name): _cells(labels)}


def _cells(values: Any) -> list[Cell]:
    array = _array(values) if hasattr(values, "detach") else values
    # As objects, whole numbers of a list with a gap do not become floats, which round large ones.
    as_they_are = object if isinstance(array, list | tuple) else None
    try:
        return [_cell(value) for value in pd.Series(array, dtype=as_they_are).tolist()]
    except (TypeError, ValueError):
        raise InputError(
            f"labels: {type(values).__name__} with more than one dimension, or without an order; "
            "valid: one label per embedding, or a dictionary with a column per property"
        ) from None


def _cell(value: Any) -> Cell:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, list | tuple | set | dict):
        raise TypeError
    if hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, str | int | float | bool) else str(value)


def _specs(kinds: Mapping[str, str | Mapping[str, Any]]) -> dict[str, PropertySpec]:
    if not isinstance(kinds, Mapping):
        raise InputError(f"kinds: {kinds!r}; valid: a kind for each property, by its name")
    specs = {}
    for name, known in kinds.items():
        try:
            if not isinstance(known, str | Mapping):
                raise InputError(f"kinds: {name}: {known!r}; valid: a kind, or a dictionary")
            specs[name] = PropertySpec(**({"kind": known} if isinstance(known, str) else known))
        except ValidationError as reason:
            raise InputError(f"kinds: {name}: {explain(reason, PropertySpec)}") from None
    return specs
