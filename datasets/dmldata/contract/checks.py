"""Checks of files and rows against dataset.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.contract.factors import Factor
from dmldata.contract.manifest import MANIFEST_FILE, Manifest, Samples, Shard
from dmldata.contract.samples import samples_schema

if TYPE_CHECKING:
    import pyarrow as pa


def order_problem(table: pa.Table, manifest: Manifest) -> str | None:
    """Return how the rows differ from the manifest's shards or their order; None if they match."""
    if table.num_rows != manifest.images:
        return f"{table.num_rows} rows, {MANIFEST_FILE} has {manifest.images} images"
    expected = [(shard.file, shard.split) for shard in manifest.shards for _ in range(shard.images)]
    rows = zip(table["shard"].to_pylist(), table["split"].to_pylist(), strict=True)
    for number, (row, place) in enumerate(zip(rows, expected, strict=True)):
        if row != place:
            return f"row {number} is of {row}, by {MANIFEST_FILE} it has to be of {place}"
    return None


def columns_problem(table: pa.Table, factors: tuple[Factor, ...]) -> str | None:
    """Return how the columns differ from those of `samples_schema`; None if they match."""
    schema = samples_schema(factors)
    for field in schema:
        if field.name not in table.schema.names:
            return f"column '{field.name}' is missing"
        if table.schema.field(field.name).type != field.type:
            return f"column '{field.name}': {table.schema.field(field.name).type}, not {field.type}"
    unknown = [name for name in table.schema.names if name not in schema.names]
    return f"unknown column '{unknown[0]}'" if unknown else None


def digest_problem(expected: Shard | Samples, length: int, digest: str) -> str | None:
    """Return how the length or digest of a file differ from those in dataset.json; None if not."""
    if length < expected.bytes:
        return f"truncated: {length} bytes of {expected.bytes}"
    if length > expected.bytes:
        return f"altered: longer than the {expected.bytes} bytes of {MANIFEST_FILE}"
    if digest != expected.sha256:
        return f"altered: its sha256 is not the one in {MANIFEST_FILE}"
    return None
