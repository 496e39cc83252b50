"""Every defect is found, and one does not hide another."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

from dmldata.common.errors import DatasetError
from dmldata.contract.manifest import Manifest
from dmldata.contract.shards import Sample, read_shard, write_shard
from dmldata.verify import Problem, verify

SHARD = "train-000000.tar"
Edit = Callable[[list[Sample]], Iterable[Sample]]
Write = Callable[..., Manifest]


def shown(problems: list[Problem]) -> list[str]:
    return [f"{problem.file}: {problem.what}" for problem in problems]


def digests(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def restate(folder: Path, change: Callable[[dict], object]) -> None:
    """Change dataset.json and keep checksums.sha256 true, so that only the change is wrong."""
    document = json.loads((folder / "dataset.json").read_text())
    change(document)
    (folder / "dataset.json").write_text(json.dumps(document))
    lines = (folder / "checksums.sha256").read_text().splitlines()
    names = [line.split("  ")[1] for line in lines]
    sums = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    text = "".join(f"{digest}  {name}\n" for digest, name in zip(sums, names, strict=True))
    (folder / "checksums.sha256").write_text(text)


def repack(folder: Path, edit: Edit, name: str = SHARD) -> None:
    """Edit a shard's samples; the digests are kept true, as a careful forger would."""
    path = folder / name
    samples = edit(list(read_shard(io.BytesIO(path.read_bytes()), name)))
    path.unlink()
    write_shard(path, samples)
    rewrite(folder, lambda data: data, name)


def rewrite(folder: Path, edit: Callable[[bytes], bytes], name: str = SHARD) -> None:
    """Edit the bytes of a shard; the digests are kept true."""
    data = edit((folder / name).read_bytes())
    (folder / name).write_bytes(data)

    def change(document: dict) -> None:
        (stated,) = [shard for shard in document["shards"] if shard["file"] == name]
        stated |= digests(data)

    restate(folder, change)


def in_padding(data: bytes) -> bytes:
    """Hide a word between the first member of a tar and the next."""
    end = 512 + int(data[124:135], 8)
    assert end % 512 < 500
    return data[:end] + b"hidden" + data[end + 6 :]


def with_file(extension: str, data: bytes) -> Edit:
    """Replace one file of the first sample."""

    def edit(samples: list[Sample]) -> list[Sample]:
        first = Sample(samples[0].key, samples[0].files | {extension: data})
        return [first, *samples[1:]]

    return edit


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def with_mask(edit: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Edit the mask of the first sample."""

    def change(samples: list[Sample]) -> Iterable[Sample]:
        mask = np.array(Image.open(io.BytesIO(samples[0].files["mask.png"])))
        return with_file("mask.png", png(edit(mask)))(samples)

    return change


def without_a_pixel(mask: np.ndarray) -> np.ndarray:
    mask[12, 12] = 0
    return mask


def retable(folder: Path, column: str, values: Callable[[list], list]) -> None:
    """Edit a column of samples.parquet; the digests are kept true."""
    path = folder / "samples.parquet"
    table = pq.ParquetFile(path).read()
    number = table.schema.get_field_index(column)
    field = table.schema.field(number)
    changed = pa.array(values(table[column].to_pylist()), type=field.type)
    pq.write_table(table.set_column(number, field, changed), path)
    restate(folder, lambda document: document["samples"].update(digests(path.read_bytes())))


def first_to(value: object) -> Callable[[list], list]:
    return lambda column: [value, *column[1:]]


def without_a_box(folder: Path) -> None:
    for end in ("car_x0", "car_y0", "car_x1", "car_y1"):
        retable(folder, end, first_to(None))


def without_masks(samples: list[Sample]) -> list[Sample]:
    return [Sample(s.key, {k: v for k, v in s.files.items() if k != "mask.png"}) for s in samples]


def renamed(samples: list[Sample]) -> list[Sample]:
    return [Sample("stranger", samples[0].files), *samples[1:]]


def wrong_json(samples: list[Sample]) -> list[Sample]:
    row = json.loads(samples[0].files["json"]) | {"car_model_bin": 99}
    return list(with_file("json", json.dumps(row).encode())(samples))


def write_bytes(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:3000])


DEFECTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing shard": (lambda f: (f / SHARD).unlink(), [f"{SHARD}: missing"]),
    "extra shard": (
        write_bytes("train-000009.tar", b"x"),
        ["train-000009.tar: a shard that dataset.json", "train-000009.tar: not in checksums"],
    ),
    "truncated shard": (
        cut(SHARD),
        [f"{SHARD}: truncated inside member", f"{SHARD}: truncated: ", "is missing", "its sha256"],
    ),
    "altered card": (write_bytes("README.md", b"other"), ["README.md: its sha256 is not the one"]),
    "missing card": (lambda f: (f / "LICENSE").unlink(), ["LICENSE: missing"]),
    "extra file": (write_bytes("notes.txt", b""), ["notes.txt: not in checksums.sha256"]),
    "broken checksums": (write_bytes("checksums.sha256", b"what"), ["checksums.sha256: line 1"]),
    "no checksums": (lambda f: (f / "checksums.sha256").unlink(), ["checksums.sha256: missing"]),
    "broken manifest": (write_bytes("dataset.json", b"{}"), ["dataset.json: schema_version null"]),
    "no table": (lambda f: (f / "samples.parquet").unlink(), ["samples.parquet: missing"]),
    "altered table": (
        write_bytes("samples.parquet", b"PAR1PAR1"),
        ["samples.parquet: truncated: 8 bytes of ", "samples.parquet: not a Parquet file"],
    ),
    "damaged picture": (
        lambda f: repack(f, with_file("jpg", b"\xff\xd8\xff\xe0 no picture")),
        [f"{SHARD}: img", "not a JPEG picture"],
    ),
    "small picture": (
        lambda f: repack(f, with_file("mask.png", png(np.zeros((16, 16), np.uint8)))),
        ["mask.png: 16 x 16 pixels, dataset.json says 32 x 32"],
    ),
    "mask of colors": (
        lambda f: repack(f, with_file("mask.png", png(np.zeros((32, 32, 3), np.uint8)))),
        ["mask.png: mode RGB"],
    ),
    "mask value": (
        lambda f: repack(f, with_file("mask.png", png(np.full((32, 32), 6, np.uint8)))),
        ["mask.png: value 6, a mask holds 0 to 5"],
    ),
    "car elsewhere": (
        lambda f: repack(f, with_mask(lambda mask: np.roll(mask, 1, axis=1))),
        ["mask.png: shows the car in [9, 10, 25, 26], samples.parquet says [8, 10, 24, 26]"],
    ),
    "no car": (
        lambda f: repack(f, with_mask(np.zeros_like)),
        ["mask.png: shows the car in None, samples.parquet says [8, 10, 24, 26]"],
    ),
    "other car": (
        lambda f: repack(f, with_mask(without_a_pixel)),
        ["mask.png: the car covers 0.249023 of it, samples.parquet says 0.250000"],
    ),
    "a tar after the tar": (
        lambda f: rewrite(f, lambda data: data + data),
        [f"{SHARD}: data after the end of the tar"],
    ),
    "a word after the tar": (
        lambda f: rewrite(f, lambda data: data + b"hidden"),
        [f"{SHARD}: data after the end of the tar"],
    ),
    "a word in padding": (
        lambda f: rewrite(f, in_padding),
        [f"{SHARD}: member 'img0006.jpg': data between it and the next member"],
    ),
    "no masks": (lambda f: repack(f, without_masks), ["has files ['jpg', 'json']"]),
    "other json": (lambda f: repack(f, wrong_json), ["json: 'car_model_bin' is not what"]),
    "no json": (lambda f: repack(f, with_file("json", b"{")), ["json: not valid JSON"]),
    "stranger": (
        lambda f: repack(f, renamed),
        ["stranger.json: the sample has no row", "is missing"],
    ),
    "one too few": (
        lambda f: repack(f, lambda samples: samples[1:]),
        ["3 samples, dataset.json says 4", "of samples.parquet is missing"],
    ),
    "other order": (
        lambda f: repack(f, lambda samples: samples[::-1]),
        [f"{SHARD}: samples are not in the order of samples.parquet"],
    ),
    "bin": (
        lambda f: retable(f, "sun_elevation_bin", first_to(7)),
        ["samples.parquet: sample 'img0004': sun_elevation is 15.0, its bin 7"],
    ),
    "value without bin": (
        lambda f: retable(f, "car_model_bin", first_to(None)),
        ["car_model is 'van', its bin None"],
    ),
    "credit": (lambda f: retable(f, "credits_id", first_to("van;bus")), ["credits_id 'bus'"]),
    "same key": (lambda f: retable(f, "key", first_to("img0009")), ["key 'img0009' occurs 2"]),
    "dotted key": (lambda f: retable(f, "key", first_to("a.b")), ["key 'a.b': letters"]),
    "car box": (lambda f: retable(f, "car_x1", first_to(33)), ["car box [8, 10, 33, 26]"]),
    "half a box": (lambda f: retable(f, "car_x1", first_to(None)), ["car box [8, 10, None, 26]"]),
    "no box": (without_a_box, ["mask.png: shows the car in [8, 10, ", "samples.parquet says None"]),
    "no area": (
        lambda f: retable(f, "car_area", first_to(None)),
        ["the car covers 0.250000 of it, samples.parquet says None"],
    ),
    "no camera": (
        lambda f: retable(f, "camera_matrix", first_to([None] * 16)),
        ["has to be 16 finite numbers"],
    ),
    "camera": (
        lambda f: retable(f, "camera_matrix", first_to([0.0] * 16)),
        ["camera_matrix: its last row is [0.0, 0.0, 0.0, 0.0], has to be 0, 0, 0, 1"],
    ),
    "car area": (lambda f: retable(f, "car_area", first_to(1.5)), ["car_area 1.5"]),
    "split": (lambda f: retable(f, "split", first_to("train")), ["row 0 is of ('test-0"]),
    "shard": (lambda f: retable(f, "shard", first_to(SHARD)), [f"row 0 is of ('{SHARD}'"]),
}


@pytest.mark.parametrize("case", DEFECTS)
def test_a_defect_is_found(case: str, copy_of_tiny: Path) -> None:
    seed, expected = DEFECTS[case]
    seed(copy_of_tiny)
    found = shown(verify(copy_of_tiny))
    for words in expected:
        assert any(words in line for line in found), found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"car_model": "truck", "credits_id": "truck"}, "car_model differs within scene 0, though"),
        ({"variant_id": 0}, "variant 0 of scene 0 occurs 2 times"),
    ],
)
def test_a_sweep_changes_its_group_alone(
    write: Write, rows: list[dict[str, Any]], tmp_path: Path, change: dict, words: str | None
) -> None:
    """Two variants of each scene."""
    swept = []
    for number, row in enumerate(rows):
        first = rows[number - number % 2]
        scene = {key: first[key] for key in ("split", "car_model", "background_hue", "credits_id")}
        place = {"scene_id": number // 2, "variant_id": number % 2}
        swept.append({**row, **scene, **place, "sun_elevation": 15.0 + 30.0 * (number % 2)})
    swept[1] |= change
    write(tmp_path / "sweep", rows=swept, design="sweep", sweep_group="illumination")
    found = shown(verify(tmp_path / "sweep"))
    assert [words in line for line in found] == [True] if words else found == []


def test_links_of_a_web_servers_list_are_no_files(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = LocalFileSystem.find

    def with_links(self: LocalFileSystem, path: str, *more: object, **options: object) -> list[str]:
        found = listed(self, path, *more, **options)
        return [*found, f"{path}/?C=M;O=A", f"{path}/"]

    monkeypatch.setattr(LocalFileSystem, "find", with_links)
    monkeypatch.setattr("dmldata.verify.verification.is_local", lambda fs: False)
    assert verify(tiny) == []


def test_all_defects_are_listed_together(copy_of_tiny: Path) -> None:
    repack(copy_of_tiny, wrong_json)
    (copy_of_tiny / "README.md").write_bytes(b"other")
    (copy_of_tiny / "train-000001.tar").unlink()
    cut("test-000000.tar")(copy_of_tiny)
    files = {problem.file for problem in verify(copy_of_tiny)}
    assert files == {SHARD, "README.md", "train-000001.tar", "test-000000.tar"}


def test_names_that_start_with_a_dot_are_left_alone(copy_of_tiny: Path) -> None:
    (copy_of_tiny / ".gitattributes").write_text("*.tar filter=lfs\n")
    (copy_of_tiny / ".cache").mkdir()
    (copy_of_tiny / ".cache" / "state.json").write_text("{}")
    assert verify(copy_of_tiny) == []


def test_a_folder_without_a_dataset_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no dataset\.json there"):
        verify(tmp_path)


def test_progress_reaches_its_total(tiny: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    verify(tiny, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("verify images", 10, 10)
    assert [step[1] for step in steps] == sorted(step[1] for step in steps)
