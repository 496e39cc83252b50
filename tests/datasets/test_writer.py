"""Writing a dataset: round trip, the same bytes again, and nothing overwritten."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dmldata import open_dataset
from dmldata.common.errors import InputError
from dmldata.verify import verify

Write = Callable[..., Any]
Rows = list[dict[str, Any]]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_input_gives_the_same_bytes(tiny: Path, write: Write, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write(again)
    assert contents(again) == contents(tiny)


def test_a_dataset_is_these_files_and_has_no_problems(tiny: Path) -> None:
    shards = {"test-000000.tar", "train-000000.tar", "train-000001.tar"}
    data = {"dataset.json", "samples.parquet", *shards}
    card = {"README.md", "CREDITS.md", "LICENSE", "CITATION.cff", "_info.json", "croissant.json"}
    assert set(contents(tiny)) == data | card | {"checksums.sha256", "examples.jpg"}
    assert verify(tiny) == []


def test_the_dataset_that_is_returned_is_the_one_on_disk(write: Write, tmp_path: Path) -> None:
    assert write(tmp_path / "new") == open_dataset(tmp_path / "new").manifest


def test_another_dataset_is_never_overwritten(copy_of_tiny: Path, write: Write) -> None:
    before = contents(copy_of_tiny)
    with pytest.raises(InputError, match="holds another dataset"):
        write(copy_of_tiny)
    assert contents(copy_of_tiny) == before


@pytest.mark.parametrize("name", ["train-000009.tar", "README.md", "test-000000.tar"])
def test_files_of_somebody_else_are_neither_mixed_in_nor_replaced(
    write: Write, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"older")
    with pytest.raises(InputError, match=rf"not empty \({name}\)"):
        write(tmp_path)
    assert contents(tmp_path) == {name: b"older"}


def test_a_file_in_the_place_of_the_folder_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"):
        write(tmp_path / "file")


def test_an_interrupted_write_has_no_manifest_and_is_taken_up_again(
    tiny: Path, write: Write, files_of: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    def interrupted(key: str) -> dict[str, bytes]:
        if key == "img0008":
            raise KeyboardInterrupt
        return files_of(key)

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, sample_files=interrupted)
    assert set(contents(tmp_path)) == {".writing", "test-000000.tar", "train-000000.tar"}
    write(tmp_path)
    assert contents(tmp_path) == contents(tiny)


def test_progress_counts_images(write: Write, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    write(tmp_path / "new", progress=lambda *step: seen.append(step))
    assert seen == [("write shards", done, 10) for done in range(1, 11)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": []}, "at least one image"),
        ({"name": "Tiny Cars"}, "name"),
        ({"version": "1"}, "version"),
        ({"recipe": {"scale": float("nan")}}, "recipe: not valid in JSON"),
        ({"credits": ()}, "credits_id '.*' is not among the credits"),
        ({"design": "sweep"}, "sweep_group"),
        ({"images_per_shard": 0}, "1 or more"),
    ],
)
def test_what_breaks_the_contract_is_refused_before_anything_is_written(
    changes: dict, reason: str, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason):
        write(tmp_path / "new", **changes)
    assert not (tmp_path / "new").exists()


def png(size: tuple[int, int], mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"jpg": b"no picture", "mask.png": png((32, 32))}, r"\.jpg: not a JPEG picture"),
        ({"png": png((32, 32)), "mask.png": png((16, 16))}, r"mask\.png: size \(16, 16\)"),
        ({"png": png((32, 32))}, "mask.png is missing"),
        ({"png": png((32, 32)), "mask.png": png((32, 32)), "txt": b""}, "'txt' is not one of"),
        ({"png": png((9000, 1)), "mask.png": png((9000, 1))}, "longest side is 8192"),
    ],
)
def test_files_that_break_the_contract_are_refused(
    files: dict[str, bytes], reason: str, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        write(tmp_path / "new", sample_files=lambda key: files)
    assert "img0" in str(caught.value)
    assert not (tmp_path / "new" / "dataset.json").exists()


def test_a_sweep_with_png_and_depth_keeps_the_contract(
    write: Write, files_of: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32), 5000, np.uint16)).save(buffer, "PNG")
    manifest = write(
        tmp_path / "new",
        sample_files=lambda key: {
            "png": png((32, 32), "RGB"),
            "mask.png": files_of(key)["mask.png"],
            "depth.png": buffer.getvalue(),
        },
        design="sweep",
        sweep_group="illumination",
        url="https://example.org/tiny",
        date="2025-01-31",
    )
    assert manifest.sample_files == ("png", "mask.png", "depth.png", "json")
    assert verify(tmp_path / "new") == []


def test_one_image_is_a_dataset(write: Write, rows: Rows, tmp_path: Path) -> None:
    write(tmp_path / "new", rows=rows[:1], images_per_shard=1000)
    assert verify(tmp_path / "new") == []
