"""Write the card: README.md and the other files that hubs, loaders and readers expect."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from dmldata.card.attribution import citation_text, credits_text, license_text
from dmldata.card.checksums import CHECKSUMS_FILE, checksums_text
from dmldata.card.croissant import croissant_text
from dmldata.card.readme import EXAMPLES_FILE, description, readme_text
from dmldata.common.files import replace_files, write_atomic
from dmldata.contract.contact_sheet import jpeg_sheet
from dmldata.contract.manifest import MANIFEST_FILE, Manifest
from dmldata.contract.shards import read_shard

if TYPE_CHECKING:
    import pyarrow as pa

TIMM_FILE = "_info.json"
EXAMPLES, EXAMPLE_COLUMNS, EXAMPLE_WIDTH = 24, 8, 128
CARD_FILES = (
    "README.md",
    EXAMPLES_FILE,
    "CREDITS.md",
    "LICENSE",
    "CITATION.cff",
    TIMM_FILE,
    "croissant.json",
    CHECKSUMS_FILE,
)


def write_card(folder: str | os.PathLike[str], manifest: Manifest, samples: pa.Table) -> None:
    """Write the `CARD_FILES` of a dataset that has no dataset.json yet; see `card_files`."""
    for name, data in card_files(folder, manifest, samples).items():
        write_atomic(Path(folder) / name, data)


def change_manifest(folder: str | os.PathLike[str], manifest: Manifest, samples: pa.Table) -> None:
    """Replace the manifest of a dataset and its card together; see `replace_files`."""
    card = card_files(folder, manifest, samples)
    replace_files(folder, {**card, MANIFEST_FILE: manifest.to_json()})


def card_files(
    folder: str | os.PathLike[str], manifest: Manifest, samples: pa.Table
) -> dict[str, bytes]:
    """Return the bytes of `CARD_FILES`, the checksums last; the same arguments give the same bytes.

    The checksums cover every file of the dataset except themselves, including dataset.json.

    Args:
        folder: folder of the dataset, with its shards.
        manifest: present or future content of dataset.json.
        samples: content of samples.parquet.
    """
    texts: dict[str, str | bytes] = {
        "README.md": readme_text(manifest, samples),
        EXAMPLES_FILE: examples(Path(folder), manifest),
        "CREDITS.md": credits_text(manifest),
        "LICENSE": license_text(manifest),
        "CITATION.cff": citation_text(manifest),
        TIMM_FILE: timm_text(manifest, samples),
        "croissant.json": croissant_text(manifest, description(manifest)),
    }
    texts[CHECKSUMS_FILE] = checksums_text(manifest, texts)
    return {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}


def examples(folder: Path, manifest: Manifest) -> bytes:
    """Return a JPEG sheet of the first pictures of the first shard, without any selection."""
    pictures = list(islice(_pictures(folder / manifest.shards[0].file), EXAMPLES))
    return jpeg_sheet(pictures, EXAMPLE_COLUMNS, EXAMPLE_WIDTH)


def _pictures(shard: Path) -> Iterator[Image.Image]:
    with shard.open("rb") as file:
        for sample in read_shard(file, shard.name):
            with Image.open(io.BytesIO(sample.files[sample.image_extension])) as image:
                yield image.convert("RGB")


def timm_text(manifest: Manifest, samples: pa.Table) -> str:
    """Return _info.json, which timm's `wds/` reader requires.

    `alt_label` is the default label to train on: the bins of the first varied factor that applies
    to every image.
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
