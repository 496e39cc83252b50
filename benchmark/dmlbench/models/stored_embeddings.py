"""`embeddings:FILE`: embeddings that were computed before; only the properties can be scored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmlbench.models.contract import LoadedModel, make_id
from dmlbench.models.options import INPUT_OPTIONS, ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.sources.embedding_file import read_embeddings
from dmldata.common.errors import InputError, ModelError
from dmldata.common.files import read_file, sha256_of
from dmldata.common.foreign import reading


@dataclass(frozen=True)
class StoredEmbeddings(LoadedModel):
    """Embeddings of a model, in place of the model itself.

    Attributes:
        rows: [N, D] finite float32.
        keys: [N] key of the image of each row; None if rows are in the order of the dataset.
    """

    rows: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    keys: tuple[str, ...] | None = None

    def of(self, keys: Sequence[str]) -> NDArray[np.float32]:
        """Return the rows [N, D] of a dataset's images, for their keys in the dataset's order.

        Raises:
            ModelError: the rows are not those of exactly the dataset's images.
        """
        if self.keys is None:
            if len(self.rows) != len(keys):
                raise ModelError(
                    f"{self.reference}: {len(self.rows)} rows for the {len(keys)} images of the "
                    "dataset; valid: one row per image in the dataset's order, or keys in "
                    f"{_key_file(self.reference).name}"
                )
            return self.rows
        row = {key: number for number, key in enumerate(self.keys)}
        missing = [key for key in keys if key not in row]
        surplus = sorted(row.keys() - set(keys))
        if missing or surplus:
            what = f"no row for image '{missing[0]}'" if missing else f"no image '{surplus[0]}'"
            raise ModelError(
                f"{_key_file(self.reference)}: {what} of the dataset ({len(missing)} images "
                f"without a row, {len(surplus)} rows without an image); valid: the dataset's keys"
            )
        return self.rows[[row[key] for key in keys]]

    def describe(self) -> dict[str, Any]:
        """Return the description of a model without preprocessing, which is unknown."""
        return super().describe() | {"preprocessing": {}}


def load(reference: str, options: ModelOptions) -> StoredEmbeddings:
    """Load the embeddings in a file, with the keys in `FILE.keys.txt` (one per line) if it exists.

    Raises:
        ModelError: not finite numbers [N, D], a row of zeros, keys that are not unique or not one
            per row, or an option about images, which are not read.
    """
    path = _file(reference)
    useless = [name for name in INPUT_OPTIONS if getattr(options, name) is not None]
    if useless:
        raise ModelError(
            f"{reference}: {useless[0]} sets how images are read, but stored embeddings need none"
        )
    try:
        stored = read_embeddings(path)
        rows = _as_float32(stored.rows)
    except InputError as error:
        text = str(error)
        raise ModelError(text if str(path) in text else f"{path}: {text}") from None
    loss, distance = options.explained_by(None, "")
    digest, key_file = sha256_of(path), _key_file(reference)
    if key_file.is_file():
        digest = hashlib.sha256((digest + sha256_of(key_file)).encode()).hexdigest()
    elif stored.keys is not None:
        _check_unique(stored.keys, f"{path}: row")
    return StoredEmbeddings(
        model=_refuse_images,
        preprocessing=Preprocessing(),
        reference=reference,
        id=make_id(path.stem, digest, Preprocessing()),
        loss=loss,
        distance=distance,
        dimensions=rows.shape[1],
        no_maps="the file holds embeddings, not the model",
        rows=rows,
        keys=_read_keys(key_file, len(rows)) or stored.keys,
    )


def _as_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = check_embeddings(array).astype(np.float32)
    return check_embeddings(single).astype(np.float32, copy=False)


def _file(reference: str) -> Path:
    return Path(reference.removeprefix("embeddings:"))


def _key_file(reference: str) -> Path:
    """Return E.keys.txt or E.npy.keys.txt, whichever is there beside E.npy.

    Raises:
        ModelError: both are there.
    """
    file = _file(reference)
    short, long = file.with_suffix(".keys.txt"), file.with_name(f"{file.name}.keys.txt")
    if short.is_file() and long.is_file() and short != long:
        raise ModelError(f"{reference}: keys in {short.name} and {long.name}; valid: one of them")
    return long if long.is_file() else short


def _read_keys(path: Path, rows: int) -> tuple[str, ...] | None:
    if not path.is_file():
        return None
    with reading(str(path), "UTF-8 text, one key per line", ModelError):
        keys = tuple(read_file(path).decode("utf-8-sig").splitlines())
    if len(keys) != rows:
        raise ModelError(
            f"{path}: {len(keys)} keys for {rows} rows; valid: one key per line, one line per row"
        )
    _check_unique(keys, f"{path}: line")
    return keys


def _check_unique(keys: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for number, key in enumerate(keys, 1):
        if key in seen:
            raise ModelError(f"{where} {number}: '{key}' occurs twice; valid: unique keys")
        seen.add(key)


def _refuse_images(images: Tensor) -> Tensor:
    raise ModelError("these are stored embeddings: there is no model that could embed images")
