"""A dataset as other libraries know one: pandas, PyTorch, datasets, a notebook."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmldata import open_dataset
from dmldata.common.errors import DatasetError
from dmldata.contract.shards import Sample


def test_a_frame_has_the_rows_of_the_dataset(tiny: Path) -> None:
    pytest.importorskip("pandas")
    dataset = open_dataset(tiny)
    frame = dataset.to_frame()
    assert list(frame["key"]) == dataset.samples["key"].to_pylist()
    assert list(frame["car_model"]) == list(dataset.values("car_model"))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_of_pytorch_gets_every_image_with_its_label(tiny: Path, workers: int) -> None:
    torch = pytest.importorskip("torch")
    dataset = open_dataset(tiny)
    images = dataset.to_torch(
        "background_hue", lambda image: torch.from_numpy(np.asarray(image).copy())
    )
    assert isinstance(images, torch.utils.data.Dataset)
    batches = list(torch.utils.data.DataLoader(images, batch_size=4, num_workers=workers))
    pixels = np.concatenate([batch[0].numpy() for batch in batches])
    expected = [np.asarray(item.image) for item in dataset.samples_iter(with_mask=False)]
    assert np.array_equal(pixels, expected)
    labels = np.concatenate([batch[1].numpy() for batch in batches])
    assert labels.tolist() == images.targets == dataset.labels("background_hue").tolist()
    assert images.classes == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("form", ["GIF", "PNG"])
def test_other_formats_than_the_name_says_are_refused_by_every_view(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("datasets")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, form)
    dataset = open_dataset(tiny)
    (first, row), *_ = dataset.encoded_samples()
    odd = Sample(first.key, first.files | {"jpg": buffer.getvalue()})
    monkeypatch.setattr(type(dataset), "encoded_samples", lambda self: iter([(odd, row)]))
    with pytest.raises(DatasetError, match=r"img0004\.jpg: not a JPEG picture"):
        dataset.to_torch()[0]
    with pytest.raises(DatasetError, match=r"img0004\.jpg: not a JPEG picture"):
        dataset.to_datasets()


def test_a_split_is_a_view_of_its_images_alone(tiny: Path) -> None:
    pytest.importorskip("torch")
    test = open_dataset(tiny, split="test")
    assert test.to_torch().keys == test.samples["key"].to_pylist()
    assert len(test) < len(open_dataset(tiny))


def test_the_library_datasets_decodes_the_same_pictures_masks_and_values(tiny: Path) -> None:
    pytest.importorskip("datasets")
    dataset = open_dataset(tiny)
    rows = dataset.to_datasets()
    for row, item in zip(rows, dataset.samples_iter(), strict=True):
        assert row["key"] == item.key
        assert np.array_equal(np.asarray(row["image"]), np.asarray(item.image))
        assert np.array_equal(np.asarray(row["mask"]), item.mask)
        assert row["background_hue"] == item.row["background_hue"]


def test_a_notebook_shows_pictures_and_what_varies(tiny: Path) -> None:
    page = open_dataset(tiny)._repr_html_()
    (sheet,) = re.findall(r"base64,([^\"]+)\"", page)
    assert Image.open(io.BytesIO(base64.b64decode(sheet))).size == (6 * 160, 2 * 160)
    assert "background_hue" in page
    assert "exposure" not in page
