"""An export is complete or absent, the same every time, and holds the dataset's own bytes."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dmldata import open_dataset
from dmldata.common.errors import DatasetError, InputError, UnknownNameError
from dmldata.common.files import sha256_of
from dmldata.contract.factors import Factor
from dmldata.contract.shards import read_shard, write_shard
from dmldata.export import FORMATS, export_dataset

Files = Callable[[str], dict[str, bytes]]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def pictures(files: dict[str, bytes], to: str, extension: str) -> dict[str, bytes]:
    """The files of an export that end in a name of its own, by their keys."""
    if to != "parquet":
        return {Path(n).stem: data for n, data in files.items() if n.endswith(f".{extension}")}
    column = {"jpg": "image", "png": "mask"}[extension]
    return {
        Path(cell["path"]).name.partition(".")[0]: cell["bytes"]
        for name, data in files.items()
        if name.endswith(".parquet")
        for cell in pq.read_table(io.BytesIO(data))[column].to_pylist()
    }


@pytest.mark.parametrize("to", FORMATS)
def test_images_and_masks_are_the_bytes_of_the_shards(
    to: str, tiny: Path, files_of: Files, tmp_path: Path
) -> None:
    exported = export_dataset(tiny, tmp_path / "out", to=to)
    keys = [f"img{number:04d}" for number in range(10)]
    assert exported == (10, 0)
    files = tree(tmp_path / "out")
    assert pictures(files, to, "jpg") == {key: files_of(key)["jpg"] for key in keys}
    if to in ("parquet", "fiftyone"):
        assert pictures(files, to, "png") == {key: files_of(key)["mask.png"] for key in keys}


@pytest.mark.parametrize("to", FORMATS)
def test_license_credits_and_citation_travel_along(to: str, tiny: Path, tmp_path: Path) -> None:
    export_dataset(tiny, tmp_path / "out", to=to)
    for name in ("LICENSE", "CREDITS.md", "CITATION.cff"):
        assert (tmp_path / "out" / name).read_bytes() == (tiny / name).read_bytes()
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "license: cc-by-4.0" in readme
    assert open_dataset(tiny).fingerprint in readme
    assert ".tar" not in readme


@pytest.mark.parametrize("to", FORMATS)
def test_two_exports_are_the_same(to: str, tiny: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_dataset(tiny, tmp_path / name, to=to)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


@pytest.mark.parametrize("to", FORMATS)
def test_an_altered_shard_leaves_nothing_behind(
    to: str, copy_of_tiny: Path, tmp_path: Path
) -> None:
    """The last shard is altered, so that images of the others have been written by then."""
    last = copy_of_tiny / open_dataset(copy_of_tiny).manifest.shards[-1].file
    data = last.read_bytes()
    last.write_bytes(data[:600] + bytes([data[600] ^ 1]) + data[601:])
    with pytest.raises(DatasetError, match=f"{last.name}: altered"):
        export_dataset(copy_of_tiny, tmp_path / "exports" / "out", to=to)
    assert list((tmp_path / "exports").iterdir()) == []


def _killed(source: Path, out: Path) -> None:
    def progress(stage: str, done: int, total: int) -> None:
        if done == 7:
            os.kill(os.getpid(), 9)

    export_dataset(source, out, to="coco", progress=progress)


def test_a_killed_export_has_no_folder_under_its_name_and_can_be_repeated(
    tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = multiprocessing.get_context("spawn").Process(target=_killed, args=(tiny, out))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert not out.exists()
    assert export_dataset(tiny, out, to="coco").images == 10


def test_a_folder_with_files_is_refused_and_stays(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=re.escape("is not empty (it holds mine.txt)")):
        export_dataset(tiny, tmp_path, to="coco")
    assert tree(tmp_path) == {"mine.txt": b"mine"}


def test_progress_counts_all_images(tiny: Path, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    export_dataset(tiny, tmp_path / "out", to="coco", progress=lambda *r: reports.append(r))
    assert reports == [("export", done, 10) for done in range(1, 11)]


def test_unknown_names_say_what_is_valid(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'coco'\?.*valid: coco, imagefolder"):
        export_dataset(tiny, tmp_path / "out", to="cocoo")
    with pytest.raises(UnknownNameError, match=r"factor 'car_modle'.*did you mean 'car_model'"):
        export_dataset(tiny, tmp_path / "out", to="imagefolder", label="car_modle")
    with pytest.raises(InputError, match="'coco' has no classes; valid with: imagefolder"):
        export_dataset(tiny, tmp_path / "out", to="coco", label="car_model")
    assert list(tmp_path.iterdir()) == []


def remade(folder: Path, **changes: Any) -> None:
    """Replace fields of a dataset's manifest."""
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_formats_of_objects_need_masks(copy_of_tiny: Path, tmp_path: Path) -> None:
    shards = []
    for shard in open_dataset(copy_of_tiny).manifest.shards:
        with (copy_of_tiny / shard.file).open("rb") as file:
            samples = [(s.key, s.files) for s in read_shard(file, shard.file)]
        for _, files in samples:
            del files["mask.png"]
        shards.append(write_shard(copy_of_tiny / shard.file, samples).model_dump())
    remade(copy_of_tiny, shards=shards, sample_files=["jpg", "json"])
    for to in ("coco", "fiftyone"):
        with pytest.raises(InputError, match=r"has no masks.*valid: imagefolder, parquet"):
            export_dataset(copy_of_tiny, tmp_path / "out", to=to)
    export_dataset(copy_of_tiny, tmp_path / "out", to="parquet")
    (file,) = (tmp_path / "out" / "data").glob("test-*.parquet")
    assert "mask" not in pq.read_schema(file).names


@pytest.mark.parametrize("to", FORMATS)
def test_a_factor_with_the_name_of_a_field_is_refused(
    to: str, write: Any, rows: list[dict[str, Any]], factors: tuple[Factor, ...], tmp_path: Path
) -> None:
    name = min(FORMATS[to].reserved)
    extra = Factor(key=name, group="x", kind="linear", meaning="x", values=(1.0,))
    write(
        tmp_path / "data",
        factors=(*factors, extra),
        rows=[{**row, name: 1.0} for row in rows],
    )
    with pytest.raises(InputError, match=f"factor '{name}' has the name of a field"):
        export_dataset(tmp_path / "data", tmp_path / "out", to=to)


def test_a_key_that_occurs_twice_is_refused(copy_of_tiny: Path, tmp_path: Path) -> None:
    """It would otherwise be one file of two images."""
    samples = copy_of_tiny / "samples.parquet"
    table = pq.read_table(samples)
    keys = ["img0000", *table["key"].to_pylist()[:-1]]
    table = table.set_column(0, table.schema.field("key"), [keys])
    pq.write_table(table, samples)
    digest = {"bytes": samples.stat().st_size, "sha256": sha256_of(samples)}
    remade(copy_of_tiny, samples=digest)
    with pytest.raises(DatasetError, match=r"samples.parquet: a key occurs more than once"):
        export_dataset(copy_of_tiny, tmp_path / "out", to="coco")
