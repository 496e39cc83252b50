"""samples.parquet: bins come from values, and bad rows are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmldata import open_dataset
from dmldata.common.errors import DatasetError, InputError
from dmldata.common.files import sha256_of
from dmldata.contract.factors import Factor
from dmldata.contract.samples import (
    MAX_BYTES,
    read_samples,
    sample_json,
    samples_schema,
    samples_table,
    write_samples,
)

Rows = list[dict[str, Any]]
Factors = tuple[Factor, ...]


def placed(rows: Rows) -> Rows:
    return [row | {"shard": "train-000000.tar"} for row in rows]


def test_rows_come_back_with_their_bins(rows: Rows, factors: Factors, tmp_path: Path) -> None:
    record = write_samples(tmp_path / "samples.parquet", samples_table(placed(rows), factors))
    table = read_samples(tmp_path / "samples.parquet")
    assert record.sha256 == sha256_of(tmp_path / "samples.parquet")
    assert table.schema.equals(samples_schema(factors))
    for row, found in zip(placed(rows), table.to_pylist(), strict=True):
        bins = {f"{factor.key}_bin": factor.bin_of(row[factor.key]) for factor in factors}
        assert found == row | bins


def test_numpy_values_and_missing_measurements_are_taken(
    rows: Rows, factors: Factors, tmp_path: Path
) -> None:
    row = placed(rows)[0] | {"seed": np.int64(3), "camera_matrix": np.eye(4).ravel()}
    for name in ("car_x0", "car_y0", "car_x1", "car_y1", "car_area", "credits_id"):
        del row[name]
    write_samples(tmp_path / "samples.parquet", samples_table([row], factors))
    (found,) = read_samples(tmp_path / "samples.parquet").to_pylist()
    assert (found["seed"], found["car_x0"], found["credits_id"]) == (3, None, "")
    assert found["camera_matrix"] == list(np.eye(4).ravel())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "a.b"}, "no dots"),
        ({"key": "img0001"}, "occurs more than once"),
        ({"seed": "many"}, "column 'seed'"),
        ({"seed": None}, "'img0000': column 'seed' is null"),
        ({"sun_elevation": 16.0}, r"'img0000': factor 'sun_elevation': 16.0.*nearest: 15.0"),
        ({"car_model": "bus"}, "valid: coupe, van, truck"),
        ({"car_model_bin": 2}, "car_model_bin is 2, its value has bin 0"),
        ({"colour": 1}, "unknown column 'colour'"),
        ({"camera_matrix": [1.0, 2.0]}, "column 'camera_matrix'"),
        ({"car_x0": 1.5}, "column 'car_x0'"),
    ],
)
def test_a_row_that_breaks_the_contract_is_refused(
    changes: dict, reason: str, rows: Rows, factors: Factors
) -> None:
    wrong = placed(rows)
    wrong[0] |= changes
    with pytest.raises(InputError, match=reason):
        samples_table(wrong, factors)


def test_a_factor_must_be_given_even_where_it_does_not_apply(rows: Rows, factors: Factors) -> None:
    wrong = placed(rows)
    del wrong[0]["background_hue"]
    with pytest.raises(InputError, match=r"factor 'background_hue' is missing \(None: "):
        samples_table(wrong, factors)


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "samples.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DatasetError, match=r"samples\.parquet: not a Parquet file"):
        read_samples(tmp_path / "samples.parquet")
    with pytest.raises(DatasetError, match="missing"):
        read_samples(tmp_path / "nothing.parquet")


def test_a_million_rows_of_all_columns_can_be_read_again() -> None:
    table = open_dataset("sample").samples
    assert table.nbytes / len(table) * 1_000_000 < MAX_BYTES / 2


def test_json_has_no_nan() -> None:
    with pytest.raises(DatasetError, match="'a1'"):
        sample_json({"key": "a1", "car_area": float("nan")})
