"""The files beside the data: README.md and the rest that hubs, loaders and people look for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dmldata.attribution import citation_text, credits_text, licence_text
from dmldata.checksums import CHECKSUMS_FILE, checksums_text
from dmldata.croissant import croissant_text
from dmldata.files import write_whole
from dmldata.manifest import Manifest
from dmldata.readme import description, readme_text

if TYPE_CHECKING:
    import pyarrow as pa

TIMM_FILE = "_info.json"
CARD_FILES = (
    "README.md",
    "CREDITS.md",
    "LICENSE",
    "CITATION.cff",
    TIMM_FILE,
    "croissant.json",
    CHECKSUMS_FILE,
)


def write_card(folder: str | os.PathLike[str], manifest: Manifest, samples: pa.Table) -> None:
    """Write `CARD_FILES`, the checksums last; the same arguments give the same bytes.

    The checksums cover every file of the dataset but themselves, dataset.json included: it may be
    written afterwards, as `manifest.to_json()`.

    Args:
        folder: the dataset's.
        manifest: what dataset.json says or will say.
        samples: samples.parquet.
    """
    texts = {
        "README.md": readme_text(manifest, samples),
        "CREDITS.md": credits_text(manifest),
        "LICENSE": licence_text(manifest),
        "CITATION.cff": citation_text(manifest),
        TIMM_FILE: timm_text(manifest, samples),
        "croissant.json": croissant_text(manifest, description(manifest)),
    }
    texts[CHECKSUMS_FILE] = checksums_text(manifest, texts)
    for name, text in texts.items():
        write_whole(Path(folder) / name, text)


def timm_text(manifest: Manifest, samples: pa.Table) -> str:
    """_info.json, which timm's `wds/` reader asks for.

    `alt_label` is what it trains on unless told otherwise: the bins of the first varied factor
    that applies to every image.
    """
    labels = [f"{key}_bin" for key in manifest.varied]
    label = next((name for name in labels if not samples[name].null_count), "")
    splits = {}
    for split, images in manifest.splits.items():
        shards = [shard for shard in manifest.shards if shard.split == split]
        splits[split] = {
            "name": split,
            "num_samples": images,
            "filenames": [shard.file for shard in shards],
            "shard_lengths": [shard.images for shard in shards],
            "alt_label": label,
        }
    return json.dumps({"splits": splits}, indent=2) + "\n"
