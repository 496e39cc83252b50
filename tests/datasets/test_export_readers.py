"""Exports in the tools that they are for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from dmldata import Part, open_dataset
from dmldata.common.errors import InputError
from dmldata.contract.factors import Factor
from dmldata.export import export_dataset
from dmldata.export.coco import compressed, run_lengths
from dmldata.export.imagefolder import class_folders

Rows = dict[str, dict[str, Any]]
PARTS = {part.name.lower(): int(part) for part in Part if part is not Part.BACKGROUND}


@pytest.fixture(scope="module")
def by_key() -> Rows:
    """The rows of the set 'sample'."""
    return {row["key"]: row for row in open_dataset("sample").samples.to_pylist()}


@pytest.fixture
def torchvision() -> Any:
    pytest.importorskip("torch")
    schemas = pytest.importorskip("dmlbench.models.torchvision_schemas")
    schemas.ensure_torchvision_imports()
    return pytest.importorskip("torchvision")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`datasets`, without network and with its cache in a temporary folder."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True, raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets


def test_pycocotools_decodes_exactly_the_masks_of_the_dataset(by_key: Rows, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from pycocotools import mask as codec
    from pycocotools.coco import COCO

    export_dataset("sample", tmp_path / "out", to="coco")
    coco = COCO(tmp_path / "out" / "annotations.json")
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    ids = {image["key"]: image["id"] for image in coco.dataset["images"]}
    for key, picture, mask, row in open_dataset("sample").samples_iter():
        (image,) = coco.loadImgs(ids[key])
        assert (image["width"], image["height"]) == picture.size
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        decoded = {names[a["category_id"]]: coco.annToMask(a) for a in annotations}
        for a in annotations:
            rle = coco.annToRLE(a)
            assert a["area"] == codec.area(rle) > 0
            assert a["bbox"] == list(codec.toBbox(rle))
        box = next(a["bbox"] for a in annotations if names[a["category_id"]] == "car")
        x0, y0 = row["car_x0"], row["car_y0"]
        assert box == [x0, y0, row["car_x1"] - x0, row["car_y1"] - y0]
        np.testing.assert_array_equal(decoded.pop("car"), mask > 0)
        together = sum(PARTS[name] * pixels for name, pixels in decoded.items())
        np.testing.assert_array_equal(together, mask)
        assert image.items() >= {k: v for k, v in by_key[key].items() if k != "shard"}.items()
    assert len(ids) == 64


def test_coco_says_whose_work_the_images_show(tmp_path: Path) -> None:
    export_dataset("sample", tmp_path / "out", to="coco")
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    (license_,) = document["licenses"]
    assert license_["url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert {image["license"] for image in document["images"]} == {license_["id"]}
    credited = {credit["id"] for credit in document["info"]["credits"]}
    assert {image["credits_id"] for image in document["images"]} <= credited


@given(arrays(np.bool_, st.tuples(st.integers(1, 99), st.integers(1, 9))))
def test_run_lengths_are_those_of_pycocotools(pixels: np.ndarray) -> None:
    codec = pytest.importorskip("pycocotools.mask")
    expected = codec.encode(np.asfortranarray(pixels.astype(np.uint8)))["counts"]
    assert compressed(run_lengths(pixels)).encode() == expected


def test_torchvision_and_timm_read_the_classes_of_an_imagefolder(
    torchvision: Any, by_key: Rows, tmp_path: Path
) -> None:
    from timm.data import create_dataset
    from timm.data.readers import create_reader

    out = tmp_path / "out"
    export_dataset("sample", out, to="imagefolder")
    images = torchvision.datasets.ImageFolder(out / "test")
    assert len(images) == 64
    for file, label in images.samples:
        assert images.classes[label] == by_key[Path(file).stem]["car_model"]
    for reader in (
        create_dataset("", str(out), split="test").reader,
        create_reader("", str(out / "test")),
    ):
        # timm sorts names without their case, so that its numbers of classes are others.
        names = {number: name for name, number in reader.class_to_idx.items()}
        assert len(reader) == 64
        for index, (_, label) in enumerate(reader):
            file = reader.filename(index, basename=True)
            assert names[label] == by_key[Path(file).stem]["car_model"]


def test_classes_of_numbers_are_numbered_by_their_bins(
    torchvision: Any, by_key: Rows, tmp_path: Path
) -> None:
    export_dataset("sample", tmp_path / "out", to="imagefolder", label="paint_hue")
    images = torchvision.datasets.ImageFolder(tmp_path / "out" / "test")
    assert images.classes == ["0_0", "1_0.17", "2_0.33", "3_0.5", "4_0.67", "5_0.83"]
    for file, label in images.samples:
        assert label == by_key[Path(file).stem]["paint_hue_bin"]


def test_a_split_without_an_image_of_the_label_is_not_in_the_card(
    hub: Any, write: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    of_test = [row | {"background_hue": 0.25 if row["split"] == "test" else None} for row in rows]
    write(tmp_path / "tiny", rows=of_test)
    export_dataset(tmp_path / "tiny", tmp_path / "out", to="imagefolder", label="background_hue")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "2 of its 10 images, those that the label applies to" in card
    assert 'ImageFolder("FOLDER/test")' in card
    loaded = hub.load_dataset(str(tmp_path / "out"))
    assert {split: len(part) for split, part in loaded.items()} == {"test": 2}


def test_hugging_face_reads_the_classes_of_an_imagefolder(
    hub: Any, by_key: Rows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_dataset("sample", out, to="imagefolder")
    table = pq.read_table(out / "samples.parquet").to_pylist()
    model_of = {(out / row["file_name"]).read_bytes(): row["car_model"] for row in table}
    assert len(model_of) == 64
    for loaded in (
        hub.load_dataset("imagefolder", data_dir=str(out), split="test"),
        hub.load_dataset(str(out), split="test"),
    ):
        names = loaded.features["label"].names
        read = loaded.cast_column("image", hub.Image(decode=False))
        assert len(read) == 64
        for row in read:
            file = Path(row["image"]["path"])
            assert names[row["label"]] == by_key[file.stem]["car_model"]
            assert names[row["label"]] == model_of[file.read_bytes()]


def test_images_that_a_label_does_not_apply_to_are_left_out(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export_dataset(tiny, out, to="imagefolder", label="background_hue") == (4, 6)
    table = pq.read_table(out / "samples.parquet")
    assert table["file_name"].to_pylist() == [
        str(file.relative_to(out))
        for key in table["key"].to_pylist()
        for file in out.rglob(f"{key}.jpg")
    ]
    assert table.num_rows == len(list(out.rglob("*.jpg"))) == 4


def test_a_label_that_applies_to_no_image_is_refused(
    write: Any, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    write(tmp_path / "data", rows=[{**row, "background_hue": None} for row in rows])
    with pytest.raises(InputError, match="'background_hue' applies to no image"):
        export_dataset(
            tmp_path / "data", tmp_path / "out", to="imagefolder", label="background_hue"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "folders"),
    [
        (("derived:van-1", "..", "a/b"), ["derived-van-1", "-.", "a-b"]),
        ((2.0, 10.0), ["0_2", "1_10"]),
        (tuple(float(v) for v in range(11)), [f"{v:02d}_{v}" for v in range(11)]),
    ],
)
def test_class_folders_are_names_that_every_system_takes(values: Any, folders: list[str]) -> None:
    factor = Factor(key="label", group="x", kind="categorical", meaning="x", values=values)
    assert class_folders(factor) == folders


def test_two_classes_in_one_folder_are_refused() -> None:
    factor = Factor(
        key="label", group="x", kind="categorical", meaning="x", values=("a:b", "c", "A-B")
    )
    with pytest.raises(InputError, match=r"its values 'a:b' and 'A-B' would both be in .*'A-B'"):
        class_folders(factor)


def test_hugging_face_reads_parquet_as_images_with_all_columns(
    hub: Any, by_key: Rows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_dataset("sample", out, to="parquet")
    files = str(out / "data" / "test-*.parquet")
    masks = {item.key: item.mask for item in open_dataset("sample").samples_iter()}
    for loaded in (
        hub.load_dataset("parquet", data_files=files, split="train"),
        hub.load_dataset(str(out), split="test"),
    ):
        assert isinstance(loaded.features["image"], hub.Image)
        assert isinstance(loaded.features["mask"], hub.Image)
        assert len(loaded) == 64
        for row in loaded:
            assert isinstance(row.pop("image"), Image.Image)
            np.testing.assert_array_equal(np.asarray(row.pop("mask")), masks[row["key"]])
            assert {**row, "shard": "test-000000.tar"} == by_key[row["key"]]


def test_each_shard_becomes_a_parquet_file_of_its_split(
    hub: Any, tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_dataset(tiny, out, to="parquet")
    assert sorted(path.name for path in (out / "data").iterdir()) == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]
    loaded = hub.load_dataset(str(out))
    assert {name: len(split) for name, split in loaded.items()} == {"test": 2, "train": 8}
    keys = [row["key"] for split in ("test", "train") for row in loaded[split]]
    assert keys == open_dataset(tiny).samples["key"].to_pylist()
    card = (out / "README.md").read_text()
    named = re.search(r'`pandas.read_parquet\("FOLDER/(\S+)", columns=', card)
    assert named is not None
    assert pd.read_parquet(out / named[1], columns=["key", "split"])["key"].to_list() == keys


def test_a_fiftyone_folder_has_the_documented_form(tiny: Path, tmp_path: Path) -> None:
    """FiftyOne takes a folder without a version in metadata.json for this form."""
    out = tmp_path / "out"
    export_dataset(tiny, out, to="fiftyone")
    metadata = json.loads((out / "metadata.json").read_text())
    assert "version" not in metadata
    assert metadata["info"]["default_mask_targets"] == {str(n): name for name, n in PARTS.items()}
    (samples,) = json.loads((out / "samples.json").read_text()).values()
    assert len(samples) == 10
    for sample in samples:
        assert (out / sample["filepath"]).is_file()
        assert (out / sample["parts"]["mask_path"]).is_file()
        assert sample["tags"] == [sample["split"]]
        car, *parts = sample["objects"]["detections"]
        assert (car["label"], car["bounding_box"]) == ("car", [0.25, 0.3125, 0.5, 0.5])
        assert [part["label"] for part in parts] == list(PARTS)


def test_fiftyone_reads_fields_boxes_and_masks(
    monkeypatch: pytest.MonkeyPatch, by_key: Rows, tmp_path: Path
) -> None:
    """With FiftyOne's own reader, which needs no database before a dataset is made of it."""
    monkeypatch.setenv("FIFTYONE_DISABLE_SERVICES", "1")
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "1")
    data = pytest.importorskip("fiftyone.utils.data")
    out = tmp_path / "out"
    export_dataset("sample", out, to="fiftyone")
    folder = data.FiftyOneDatasetImporter(str(out))
    assert folder._is_legacy_format_data()
    masks = {item.key: item.mask for item in open_dataset("sample").samples_iter()}
    with folder._to_legacy_importer() as reader:
        samples = list(reader)
    assert len(samples) == 64
    for sample in samples:
        row = by_key[sample["key"]]
        assert {name: sample[name] for name in row if name != "shard"} == {
            name: value for name, value in row.items() if name != "shard"
        }
        np.testing.assert_array_equal(sample["parts"].get_mask(), masks[sample["key"]])
        x, y, width, height = (256 * end for end in sample["objects"].detections[0].bounding_box)
        assert [x, y, x + width, y + height] == [
            row[name] for name in ("car_x0", "car_y0", "car_x1", "car_y1")
        ]
