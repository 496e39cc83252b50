"""The YAML header of README.md, which the Hugging Face Hub and `datasets` read.

Every render writes it, so it does without `huggingface_hub`, which the extra `publish` alone
brings; tests load datasets by it with `datasets`.
"""

from __future__ import annotations

from collections.abc import Iterable

from dmldata.card.licenses import CREATIVE_COMMONS, license_url
from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import samples_schema

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_LICENSES = (*CREATIVE_COMMONS, "MIT")


def hub_metadata(manifest: Manifest) -> dict[str, object]:
    """Return license, size, the files of each split, and the types of all fields.

    The types are listed because `datasets` would guess them from five samples, and a factor that
    applies to none of the five has no type.
    """
    return {
        **content_metadata(manifest, manifest.images, "webdataset"),
        **files_of_splits(manifest.splits, "{split}-*.tar"),
        "dataset_info": {"features": _features(manifest), **_sizes(manifest)},
    }


def content_metadata(manifest: Manifest, images: int, *tags: str) -> dict[str, object]:
    """Return license, name, task, size and tags: what does not depend on the form of the files.

    Args:
        images: number of images.
        tags: further tags, such as the format of the files.
    """
    size = next((name for limit, name in _SIZES if images < limit), "n>1M")
    return {
        **_license(manifest.license),
        "pretty_name": manifest.name,
        "task_categories": ["image-feature-extraction"],
        "size_categories": [size],
        "tags": ["synthetic", "deep-metric-learning", "saliency", *tags],
    }


def files_of_splits(splits: Iterable[str], pattern: str) -> dict[str, object]:
    """Return the entry that says which files hold a split.

    Args:
        pattern: a glob of the files, with `{split}` for the name of the split.
    """
    files = [{"split": s, "path": pattern.format(split=s)} for s in splits]
    return {"configs": [{"config_name": "default", "data_files": files}]}


def _sizes(manifest: Manifest) -> dict[str, object]:
    """Return the number of images and the bytes of the shards, per split and in total."""
    splits = [
        {
            "name": split,
            "num_bytes": sum(shard.bytes for shard in manifest.shards if shard.split == split),
            "num_examples": images,
        }
        for split, images in manifest.splits.items()
    ]
    total = sum(shard.bytes for shard in manifest.shards)
    return {"splits": splits, "download_size": total, "dataset_size": total}


def _license(spdx: str) -> dict[str, str]:
    if spdx in _LICENSES:
        return {"license": spdx.lower()}
    return {"license": "other", "license_name": spdx.lower(), "license_link": license_url(spdx)}


def _features(manifest: Manifest) -> list[dict[str, object]]:
    features: list[dict[str, object]] = [
        {"name": extension, "dtype": "image"}
        for extension in manifest.sample_files
        if extension != "json"
    ]
    row = [_feature(field.name, str(field.type)) for field in samples_schema(manifest.factors)]
    row.sort(key=lambda feature: str(feature["name"]))
    features.append({"name": "json", "struct": row})
    return features + [{"name": name, "dtype": "string"} for name in ("__key__", "__url__")]


def _feature(name: str, arrow_type: str) -> dict[str, object]:
    """Return a field with the type that `datasets` reads from JSON, which has one integer type."""
    if arrow_type.startswith("fixed_size_list"):
        return {"name": name, "list": "float64"}
    kinds = {"double": "float64", "string": "string", "int32": "int64", "int64": "int64"}
    return {"name": name, "dtype": kinds[arrow_type]}
