"""The dataset loads, unchanged, in the readers that others use."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dmldata import open_dataset

TRAIN = [f"img{number:04d}" for number in (0, 1, 2, 3, 5, 6, 7, 8)]
Rows = dict[str, dict[str, Any]]


@pytest.fixture
def by_key(rows: list[dict[str, Any]]) -> Rows:
    return {row["key"]: row for row in rows}


def shards(folder: Path, split: str = "train") -> list[str]:
    return [str(path) for path in sorted(folder.glob(f"{split}-*.tar"))]


def test_in_plain_tarfile(tiny: Path, by_key: Rows) -> None:
    for path in shards(tiny):
        with tarfile.open(path) as tar:
            for name in tar.getnames():
                member = tar.extractfile(name)
                assert member is not None
                if name.endswith(".json"):
                    row = json.loads(member.read())
                    assert by_key[row["key"]].items() <= row.items()
                else:
                    assert Image.open(io.BytesIO(member.read())).size == (32, 32)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum here")
def test_in_sha256sum(tiny: Path) -> None:
    subprocess.run(
        ["sha256sum", "--check", "--strict", "checksums.sha256"],
        cwd=tiny,
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_in_webdataset(tiny: Path, by_key: Rows, workers: int) -> None:
    wds = pytest.importorskip("webdataset")
    pytest.importorskip("torch")  # WebLoader is a DataLoader of torch.
    pipeline = (
        wds.WebDataset(shards(tiny), shardshuffle=False)
        .decode("pil")
        .to_tuple("__key__", "jpg", "mask.png", "json")
    )
    samples = list(wds.WebLoader(pipeline, num_workers=workers, batch_size=None))
    assert sorted(sample[0] for sample in samples) == TRAIN
    for key, image, mask, row in samples:
        assert image.size == mask.size == (32, 32)
        assert np.asarray(mask.convert("L")).max() <= 5
        assert by_key[key].items() <= row.items()


def test_as_the_card_shows_in_more_workers_than_shards(tiny: Path) -> None:
    wds = pytest.importorskip("webdataset")
    pytest.importorskip("torch")
    card = (tiny / "README.md").read_text()
    snippet = card.split("```python\n")[1].split("```")[0].replace("FOLDER", str(tiny))
    found: dict[str, Any] = {}
    exec(snippet, found)
    assert found["row"]["key"]
    assert found["image"].size == (32, 32)
    workers = len(found["shards"]) + 1
    loaded = list(wds.WebLoader(found["images"], num_workers=workers, batch_size=None))
    (split,) = {Path(shard).name.rpartition("-")[0] for shard in found["shards"]}
    keys = open_dataset(tiny, split=split).samples["key"].to_pylist()
    assert sorted(row["key"] for _, row in loaded) == sorted(keys)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`datasets`, without network and with its cache in a temporary folder."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True, raising=False)
    monkeypatch.setattr(datasets.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    datasets.disable_progress_bars()
    return datasets


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("by_card", [True, False])
def test_in_hugging_face_datasets(
    streaming: bool, by_card: bool, tiny: Path, by_key: Rows, hub: Any, tmp_path: Path
) -> None:
    """By the card (the folder) and by the bare shards, whose first images have a null factor."""
    where = (str(tiny), {}) if by_card else ("webdataset", {"data_files": {"train": shards(tiny)}})
    loaded = hub.load_dataset(
        where[0], **where[1], split="train", streaming=streaming, cache_dir=str(tmp_path)
    )
    samples = list(loaded)
    assert sorted(sample["__key__"] for sample in samples) == TRAIN
    for sample in samples:
        assert sample["jpg"].size == sample["mask.png"].size == (32, 32)
        assert by_key[sample["__key__"]].items() <= sample["json"].items()


def test_in_timm(tiny: Path, by_key: Rows) -> None:
    pytest.importorskip("torch")
    schemas = pytest.importorskip("dmlbench.models.torchvision_schemas")
    schemas.ensure_torchvision_imports()
    reader_wds = pytest.importorskip("timm.data.readers.reader_wds")
    reader = reader_wds.ReaderWds(str(tiny), split="train")
    samples = list(reader)
    assert len(reader) == len(samples) == 8
    models = [("coupe", "van", "truck").index(by_key[key]["car_model"]) for key in TRAIN]
    assert sorted(target for _, target in samples) == sorted(models)
    assert all(image.size == (32, 32) for image, _ in samples)
    suns = reader_wds.ReaderWds(str(tiny), split="test", target_key="sun_elevation_bin")
    assert [target for _, target in suns] == [0, 1]
