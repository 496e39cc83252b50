"""Write the card: README.md and the other files that hubs, loaders and readers expect."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from dmldata.card.attribution import citation_text, credits_text, license_text
from dmldata.card.checksums import CHECKSUMS_FILE, checksums_text, read_checksums
from dmldata.card.croissant import croissant_text
from dmldata.card.readme import EXAMPLES_FILE, description, readme_text
from dmldata.common.contact_sheet import jpeg_sheet
from dmldata.common.files import replace_files, write_atomic
from dmldata.contract.manifest import MANIFEST_FILE, SHARD_NAME, Manifest
from dmldata.contract.samples import SAMPLES_FILE
from dmldata.contract.shards import read_shard

if TYPE_CHECKING:
    import pyarrow as pa

TIMM_FILE = "_info.json"
EXAMPLES, EXAMPLE_COLUMNS, EXAMPLE_WIDTH = 24, 8, 128
README_FILE = "README.md"
README_BEFORE = ".README.md.before"
CARD_FILES = (
    README_FILE,
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


def change_manifest(
    folder: str | os.PathLike[str], before: Manifest, manifest: Manifest, samples: pa.Table
) -> bool:
    """Replace the manifest of a dataset and its card together; see `replace_files`.

    A README.md that is not what `before`, its manifest, gives may hold words of the maker: a copy
    of it, README_BEFORE, stays. It is hidden, so that it is no part of the dataset.

    Returns:
        Whether there is such a copy.
    """
    readme = Path(folder) / README_FILE
    text = readme.read_bytes() if readme.is_file() else b""
    is_changed = text not in (b"", readme_text(before, samples).encode())
    copy = {README_BEFORE: text} if is_changed else {}
    card = card_files(folder, manifest, samples)
    replace_files(folder, {**copy, **card, MANIFEST_FILE: manifest.to_json()})
    return is_changed


def card_files(
    folder: str | os.PathLike[str], manifest: Manifest, samples: pa.Table
) -> dict[str, bytes]:
    """Return the bytes of `CARD_FILES`, the checksums last; the same arguments give the same bytes.

    The checksums cover every file of the dataset except themselves, including dataset.json, and
    the files that were added to it, as the present ones do.

    Args:
        folder: folder of the dataset, with its shards.
        manifest: present or future content of dataset.json.
        samples: content of samples.parquet.
    """
    texts: dict[str, str | bytes] = {
        README_FILE: readme_text(manifest, samples),
        EXAMPLES_FILE: examples(Path(folder), manifest),
        "CREDITS.md": credits_text(manifest),
        "LICENSE": license_text(manifest),
        "CITATION.cff": citation_text(manifest),
        TIMM_FILE: timm_text(manifest, samples),
        "croissant.json": croissant_text(manifest, description(manifest)),
    }
    texts[CHECKSUMS_FILE] = checksums_text(manifest, texts, _added(Path(folder), texts))
    return {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}


def _added(folder: Path, texts: Mapping[str, str | bytes]) -> dict[str, str]:
    """Return the digests of the files that were added to a dataset: files of no other kind."""
    path = folder / CHECKSUMS_FILE
    if not path.is_file():
        return {}
    ours = {*texts, CHECKSUMS_FILE, MANIFEST_FILE, SAMPLES_FILE}
    return {
        name: digest
        for name, digest in read_checksums(path.read_text()).items()
        if name not in ours and not re.match(SHARD_NAME, name)
    }


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
