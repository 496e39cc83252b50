"""The files beside the data are what their formats ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from dmldata import open_dataset


@pytest.fixture
def front(tiny: Path) -> dict[str, Any]:
    return yaml.safe_load((tiny / "README.md").read_text().split("---\n")[1])


def test_the_card_names_licence_size_and_files(front: dict[str, Any]) -> None:
    assert front["license"] == "cc-by-4.0"
    assert front["size_categories"] == ["n<1K"]
    assert front["configs"][0]["data_files"] == [
        {"split": "test", "path": "test-*.tar"},
        {"split": "train", "path": "train-*.tar"},
    ]


def test_the_card_tells_what_varies_and_how_it_was_made(tiny: Path) -> None:
    text = (tiny / "README.md").read_text()
    assert "`background_hue` | background | cyclic | 4 from 0 to 0.75, period 1" in text
    assert "4 of 10 images" in text
    assert "`exposure`: 0.0 stops" in text
    assert "seed 7" in text
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])["name"] == "tiny"


def test_every_work_is_credited_with_author_licence_and_changes(tiny: Path) -> None:
    for name in ("CREDITS.md", "LICENSE"):
        text = (tiny / name).read_text()
        for word in ("A coupe", "A van", "A truck", "A. Maker", "licenses/by/4.0", "scaled"):
            assert word in text
    assert "Creative Commons Attribution 4.0 International" in (tiny / "LICENSE").read_text()


def test_without_credits_and_with_another_licence(
    write: Callable[..., Any], rows: list, tmp_path: Path
) -> None:
    own = [row | {"credits_id": ""} for row in rows]
    write(tmp_path / "new", credits=(), rows=own, license="ODbL-1.0", date="2025-01-31")
    front = yaml.safe_load((tmp_path / "new" / "README.md").read_text().split("---\n")[1])
    assert (front["license"], front["license_name"]) == ("other", "odbl-1.0")
    assert "Nothing in the pictures" in (tmp_path / "new" / "CREDITS.md").read_text()
    citation = yaml.safe_load((tmp_path / "new" / "CITATION.cff").read_text())
    assert str(citation["date-released"]) == "2025-01-31"


def test_the_citation_has_what_the_format_asks_for(tiny: Path) -> None:
    citation = yaml.safe_load((tiny / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "dataset"
    assert citation["authors"]
    assert citation["message"]
    assert (citation["title"], citation["version"]) == ("tiny-cars", "1.0.0")


def test_croissant_lists_every_data_file_with_its_digest(tiny: Path) -> None:
    document = json.loads((tiny / "croissant.json").read_text())
    manifest = json.loads((tiny / "dataset.json").read_text())
    stated = {f["@id"]: (f["sha256"], f["contentSize"]) for f in document["distribution"]}
    expected = {s["file"]: (s["sha256"], f"{s['bytes']} B") for s in manifest["shards"]}
    samples = manifest["samples"]
    expected["samples.parquet"] = (samples["sha256"], f"{samples['bytes']} B")
    assert stated == expected


def test_croissant_is_valid_and_reads_the_rows(tiny: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=str(tiny / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.ctx.is_v1_1()
    keys = [record["samples/key"] for record in dataset.records("samples")]
    assert sorted(keys) == [f"img{number:04d}".encode() for number in range(10)]


def test_the_card_shows_the_first_pictures_and_how_often_values_occur(tiny: Path) -> None:
    text = (tiny / "README.md").read_text()
    assert "![The first images of the dataset](examples.jpg)" in text
    with Image.open(tiny / "examples.jpg") as sheet:
        assert sheet.format == "JPEG"
        assert sheet.size[1] % 128 == 0
    dataset = open_dataset(str(tiny))
    bins = [one for one in dataset.samples["car_model_bin"].to_pylist() if one is not None]
    counts = [bins.count(place) for place in range(3)]
    row = next(line for line in text.splitlines() if line.startswith("| `car_model`"))
    assert f"| {min(counts)} to {max(counts)} |" in row or f"| {counts[0]} |" in row
    assert "## Intended use and limits" in text


def test_the_hub_is_told_images_and_bytes_of_every_split(tiny: Path) -> None:
    manifest = open_dataset(str(tiny)).manifest
    head = yaml.safe_load((tiny / "README.md").read_text().split("---\n")[1])
    told = {split["name"]: split for split in head["dataset_info"]["splits"]}
    assert {name: split["num_examples"] for name, split in told.items()} == manifest.splits
    shards = sum(path.stat().st_size for path in tiny.glob("*.tar"))
    assert head["dataset_info"]["dataset_size"] == shards
    assert sum(split["num_bytes"] for split in told.values()) == shards
