"""Reading a dataset: a defined order, and no sample from a shard that is not the one listed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from dmldata import Part, open_dataset
from dmldata.common.errors import DatasetError, InputError, UnknownNameError

Rows = list[dict[str, Any]]


def test_images_masks_and_rows_come_in_the_order_of_samples_parquet(tiny: Path, rows: Rows) -> None:
    dataset = open_dataset(tiny)
    items = list(dataset.samples_iter())
    assert len(items) == len(dataset) == len(rows)
    assert [item.key for item in items] == dataset.samples["key"].to_pylist()
    by_key = {row["key"]: row for row in rows}
    for item in items:
        assert (item.image.mode, item.image.size) == ("RGB", (32, 32))
        assert item.mask is not None
        assert (item.mask.dtype, item.mask.shape) == (np.uint8, (32, 32))
        assert set(np.unique(item.mask)) == set(Part)
        assert by_key[item.key].items() <= item.row.items()


def test_labels_are_bins_and_minus_one_where_the_factor_does_not_apply(tiny: Path) -> None:
    dataset = open_dataset(tiny)
    models = dataset.samples["car_model"].to_pylist()
    names = dataset.manifest.factor("car_model").values
    assert [names[bin_] for bin_ in dataset.labels("car_model")] == models
    hues = dataset.samples["background_hue"].to_pylist()
    expected = [-1 if hue is None else round(hue * 4) for hue in hues]
    assert dataset.labels("background_hue").tolist() == expected
    assert dataset.labels("background_hue").dtype == np.int32


def test_values_are_nan_where_the_factor_does_not_apply(tiny: Path) -> None:
    dataset = open_dataset(tiny)
    values = dataset.values("background_hue")
    assert np.array_equal(np.isnan(values), dataset.labels("background_hue") == -1)
    assert dataset.values("car_model").tolist() == dataset.samples["car_model"].to_pylist()


def test_splits_keys_and_shards_select(tiny: Path) -> None:
    dataset = open_dataset(tiny)

    def keys(**chosen: Any) -> list[str]:
        return [item.key for item in dataset.samples_iter(**chosen)]

    everything = keys()
    assert keys(splits=["test"]) == ["img0004", "img0009"]
    assert keys(splits=["train", "test"]) == everything
    assert keys(keys={"img0008", "img0004"}) == ["img0004", "img0008"]
    by_shard = [keys(shards=[shard.file]) for shard in dataset.manifest.shards]
    assert [key for of_shard in by_shard for key in of_shard] == everything
    assert [item.mask for item in dataset.samples_iter(with_mask=False)] == [None] * 10


def test_a_split_opens_as_a_dataset_of_its_own(tiny: Path) -> None:
    whole = open_dataset(tiny)
    test = open_dataset(tiny, split="test")
    items = list(test.samples_iter())
    assert [item.key for item in items] == test.samples["key"].to_pylist() == ["img0004", "img0009"]
    assert len(test) == 2
    chosen = [key in {"img0004", "img0009"} for key in whole.samples["key"].to_pylist()]
    assert np.array_equal(test.labels("car_model"), whole.labels("car_model")[chosen])
    assert test.fingerprint not in (
        whole.fingerprint,
        open_dataset(tiny, split="train").fingerprint,
    )
    with pytest.raises(DatasetError, match="no sample 'img0000'"):
        test.samples_iter(keys=["img0000"])
    with pytest.raises(UnknownNameError, match=r"'tset'.*did you mean 'test'"):
        open_dataset(tiny, split="tset")


def test_what_is_not_there_is_named(tiny: Path) -> None:
    dataset = open_dataset(tiny)
    with pytest.raises(UnknownNameError, match=r"'trian'.*did you mean 'train'"):
        dataset.samples_iter(splits=["trian"])
    with pytest.raises(UnknownNameError, match=r"train-000009\.tar"):
        dataset.samples_iter(shards=["train-000009.tar"])
    with pytest.raises(DatasetError, match="no sample 'img9999'"):
        dataset.samples_iter(keys=["img9999"])
    with pytest.raises(UnknownNameError, match=r"'hue'.*valid: car_model"):
        dataset.labels("hue")


def test_a_url_of_another_file_system_reads_the_same(tiny: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(tiny), "/tiny", recursive=True)
    dataset = open_dataset("memory://tiny/")
    local = open_dataset(tiny)
    assert dataset.fingerprint == local.fingerprint
    for here, there in zip(local.samples_iter(), dataset.samples_iter(), strict=True):
        assert here.row == there.row
        assert here.image.tobytes() == there.image.tobytes()


def test_a_dataset_goes_to_a_worker_process(tiny: Path) -> None:
    dataset = open_dataset(tiny)
    again = pickle.loads(pickle.dumps(dataset))
    assert [item.key for item in again.samples_iter()] == dataset.samples["key"].to_pylist()


def test_a_folder_without_a_dataset_says_what_one_holds(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no dataset\.json there; a dataset folder holds"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"nothing: no such folder; valid: a folder, a URL, hf:"):
        open_dataset(tmp_path / "nothing")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DatasetError, match=r"a\.txt: is a file; valid: a folder"):
        open_dataset(tmp_path / "a.txt")
    with pytest.raises(InputError, match="cannot be read"):
        open_dataset("nosuchprotocol://bucket/dataset")


def test_an_empty_dataset_is_refused(copy_of_tiny: Path) -> None:
    path = copy_of_tiny / "dataset.json"
    document = json.loads(path.read_text()) | {"shards": [], "splits": {}}
    path.write_text(json.dumps(document))
    with pytest.raises(DatasetError, match="the dataset is empty"):
        open_dataset(copy_of_tiny)


Damage = Callable[[bytes], bytes | None]


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (lambda data: None, "missing"),
    "truncated": (lambda data: data[:-512], r"truncated: \d+ bytes of \d+"),
    "empty": (lambda data: b"", "truncated: 0 bytes"),
    "one bit": (flip, "altered: its sha256"),
    "longer": (lambda data: data + b"\0", "altered: longer"),
}


def damage(folder: Path, name: str, how: Damage) -> None:
    data = how((folder / name).read_bytes())
    (folder / name).unlink()
    if data is not None:
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("protocol", ["file", "memory"])
@pytest.mark.parametrize("case", DAMAGES)
def test_no_sample_comes_from_a_damaged_shard(
    case: str, protocol: str, copy_of_tiny: Path, tmp_path: Path
) -> None:
    how, reason = DAMAGES[case]
    damage(copy_of_tiny, "train-000001.tar", how)
    url = str(copy_of_tiny)
    if protocol == "memory":
        url = f"memory://{tmp_path.name}"
        fsspec.filesystem("memory").put(str(copy_of_tiny), f"/{tmp_path.name}", recursive=True)
    items = open_dataset(url).samples_iter()
    keys: list[str] = []
    with pytest.raises(DatasetError, match=rf"^train-000001\.tar: {reason}"):
        keys.extend(item.key for item in items)
    dataset = open_dataset(url)
    assert list(dataset.samples_iter(splits=["test"]))
    healthy = [item.key for item in dataset.samples_iter(shards=["train-000000.tar"])]
    assert len(healthy) == 4


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_table_is_refused(case: str, copy_of_tiny: Path) -> None:
    how, reason = DAMAGES[case]
    damage(copy_of_tiny, "samples.parquet", how)
    with pytest.raises(DatasetError, match=rf"^samples\.parquet: {reason}"):
        open_dataset(copy_of_tiny).labels("car_model")
