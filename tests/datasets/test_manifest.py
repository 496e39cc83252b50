"""dataset.json: errors name the file, the field and what would be valid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmldata.common.errors import DatasetError, UnknownNameError
from dmldata.contract.manifest import Manifest, read_manifest

Document = dict[str, Any]


@pytest.fixture
def document(tiny: Path) -> Document:
    return json.loads((tiny / "dataset.json").read_text())


def test_it_reads_back_to_the_same_bytes(tiny: Path) -> None:
    data = (tiny / "dataset.json").read_bytes()
    assert read_manifest(data).to_json() == data


def test_it_says_what_varies_and_what_is_constant(tiny: Path) -> None:
    manifest = read_manifest((tiny / "dataset.json").read_bytes())
    assert manifest.varied == ("car_model", "sun_elevation", "background_hue")
    assert manifest.factor("exposure").values == (0.0,)
    assert manifest.splits == {"test": 2, "train": 8}
    assert manifest.images == 10
    assert manifest.image_size == (32, 32)
    assert manifest.sample_files == ("jpg", "mask.png", "json")


def test_the_fingerprint_depends_on_the_content_only(document: Document) -> None:
    manifest = Manifest.model_validate_json(json.dumps(document))
    renamed = document | {"name": "other", "version": "2.0.0", "engine": {}, "credits": []}
    assert Manifest.model_validate_json(json.dumps(renamed)).fingerprint == manifest.fingerprint
    document["shards"][0]["sha256"] = "0" * 64
    altered = Manifest.model_validate_json(json.dumps(document))
    assert altered.fingerprint != manifest.fingerprint
    assert len(manifest.fingerprint) == 16


def test_an_unknown_factor_lists_those_there_are(tiny: Path) -> None:
    manifest = read_manifest((tiny / "dataset.json").read_bytes())
    with pytest.raises(UnknownNameError, match=r"'car_modle'.*valid: car_model, sun_elevation"):
        manifest.factor("car_modle")


def remove(name: str) -> Callable[[Document], object]:
    return lambda document: document.pop(name)


def put(value: object, *path: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return change


WRONG = {
    "future schema": (put("2.0", "schema_version"), r'schema_version "2.0".*supported: "1.0"'),
    "no schema": (remove("schema_version"), r'schema_version null.*supported: "1.0"'),
    "missing field": (remove("seed"), r"seed: Field required"),
    "unknown field": (put(1, "nam"), r"nam: unknown field \(did you mean 'name'\?\); valid: "),
    "unknown inner": (put(1, "shards", 0, "byte"), r"shards\[0\].byte: unknown.*'bytes'.*sha256"),
    "wrong type": (put("7", "seed"), r"seed: .*integer.*\(got '7'\)"),
    "path in file": (put("../x-000000.tar", "shards", 0, "file"), r"shards\[0\].file"),
    "other split": (put("train-000009.tar", "shards", 0, "file"), r"shards\[0\].*split 'test'"),
    "count": (put(3, "shards", 0, "images"), r"splits: .*shards hold"),
    "digest": (put("abc", "samples", "sha256"), r"samples\.sha256"),
    "huge": (put([10**6, 32], "image_size"), r"image_size\[0\]: .*8192"),
    "license": (put("", "license"), r"license"),
    "design": (put("other", "design"), r"design: .*'independent' or 'sweep'"),
    "sweep": (put("sweep", "design"), r"sweep_group: given exactly when"),
    "credit": (put(";", "credits", 0, "id"), r"credits\[0\].id"),
    "same credit": (put("van", "credits", 0, "id"), r"credits: 'van' occurs more than once"),
    "varied": (put(["car_model"], "varied"), r"varied: "),
    "value": (put(["a", 1], "factors", 0, "values"), r"factors\[0\]: .*mix"),
    "infinite": (put(1e999, "factors", 1, "values", 0), r"factors\[1\].values\[0\]"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_manifest_that_breaks_the_contract_is_refused_in_one_line(
    case: str, document: Document
) -> None:
    change, message = WRONG[case]
    change(document)
    with pytest.raises(DatasetError, match=r"^dataset\.json: .*" + message) as caught:
        read_manifest(json.dumps(document))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe\x00", b"3", b"[" * 100_000])
def test_what_is_not_a_manifest_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetError, match=r"^dataset\.json: ") as caught:
        read_manifest(data)
    assert "\n" not in str(caught.value)
