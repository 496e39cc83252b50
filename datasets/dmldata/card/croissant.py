"""croissant.json: description of the dataset in Croissant 1.1 (JSON-LD of MLCommons).

Every render writes it, so it does without `mlcroissant`, which is no dependency of the package;
tests load it with `mlcroissant`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dmldata.card.licenses import license_url
from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import SAMPLES_FILE, samples_schema

if TYPE_CHECKING:
    import pyarrow as pa

_CR = (
    "arrayShape citeAs column conformsTo containedIn equivalentProperty extract field fileObject "
    "fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path "
    "recordSet references regex repeated replace samplingRate separator source subField transform"
)
_CONTEXT: dict[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _CR.split()},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
}

_MEANINGS = {
    "shard": "the tar file that holds it",
    "split": "split it belongs to",
    "scene_id": "images of one scene differ in the swept factors only",
    "variant_id": "number of the image within its scene",
    "seed": "the image's own seed",
    "car_x0": "left end of the visible car, pixels",
    "car_y0": "upper end of the visible car, pixels",
    "car_x1": "right end of the visible car (exclusive), pixels",
    "car_y1": "lower end of the visible car (exclusive), pixels",
    "car_area": "share of the picture that shows the car, 0 to 1",
    "camera_matrix": "world to camera, 4 x 4, row major, meters",
    "credits_id": "works in the picture: ids of CREDITS.md, joined by ';'",
}


def croissant_text(manifest: Manifest, description: str) -> str:
    """Return croissant.json: shards and samples.parquet with sizes and digests, and all columns.

    Args:
        description: description of the dataset in prose.
    """
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": manifest.name,
        "description": description,
        "version": manifest.version,
        "license": license_url(manifest.license),
        "citeAs": _bibtex(manifest),
        "creator": {"@type": "sc:Organization", "name": manifest.creator},
        **({"url": manifest.url} if manifest.url else {}),
        **({"datePublished": manifest.date} if manifest.date else {}),
        "distribution": _distribution(manifest),
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "samples",
                "name": "samples",
                "description": "One record an image.",
                "key": {"@id": "samples/key"},
                "field": [_field(field, manifest) for field in samples_schema(manifest.factors)],
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _bibtex(manifest: Manifest) -> str:
    year = f", year = {{{manifest.date[:4]}}}" if manifest.date else ""
    title = f"{manifest.name}, version {manifest.version}"
    # A brace would end the field, and TeX would run a command.
    creator = re.sub(r"([&%$#_])", r"\\\1", re.sub(r"[{}\\~^]", "", manifest.creator))
    return f"@misc{{{manifest.name}, title = {{{title}}}, author = {{{{{creator}}}}}{year}}}"


def _distribution(manifest: Manifest) -> list[dict[str, object]]:
    parquet = "application/x-parquet"
    samples = _file(SAMPLES_FILE, parquet, manifest.samples.bytes, manifest.samples.sha256)
    shards = [
        _file(shard.file, "application/x-tar", shard.bytes, shard.sha256)
        for shard in manifest.shards
    ]
    return [samples, *shards]


def _file(name: str, encoding: str, length: int, sha256: str) -> dict[str, object]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{length} B",
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def _field(field: pa.Field, manifest: Manifest) -> dict[str, object]:
    name = field.name
    is_array = str(field.type).startswith("fixed_size_list")
    kind = "sc:Text" if str(field.type) == "string" else "sc:Integer"
    return {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": name,
        "description": _meaning(name, manifest),
        "dataType": "sc:Float" if is_array or str(field.type) == "double" else kind,
        **({"isArray": True, "arrayShape": "16"} if is_array else {}),
        "source": {"fileObject": {"@id": SAMPLES_FILE}, "extract": {"column": name}},
    }


def _meaning(column: str, manifest: Manifest) -> str:
    if column == "key":
        files = ", ".join(f"<key>.{extension}" for extension in manifest.sample_files)
        return f"name of the sample: {files}"
    if column in _MEANINGS:
        return _MEANINGS[column]
    factor = manifest.factor(column.removesuffix("_bin"))
    if column.endswith("_bin"):
        return f"index of {factor.key} in its {len(factor.values)} values; null: does not apply"
    return factor.meaning + (f", {factor.unit}" if factor.unit else "")
