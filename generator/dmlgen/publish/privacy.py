"""Find private data of the maker (folders, users, secrets) in the files of a dataset."""

from __future__ import annotations

import getpass
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image

from dmldata.card.checksums import CHECKSUMS_FILE
from dmldata.card.croissant import croissant_text
from dmldata.card.readme import readme_text
from dmldata.card.write import CARD_FILES
from dmldata.contract.manifest import MANIFEST_FILE, Manifest
from dmldata.contract.samples import SAMPLES_FILE
from dmldata.dataset import open_dataset
from dmldata.verify import Problem
from dmlgen.publish.private_words import private_words

_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif"}
_LINE = 1 << 16
"""Maximum number of bytes that are read at once from a file without line breaks."""
_COMMON_USERS = {
    "root",
    "user",
    "admin",
    "ubuntu",
    "debian",
    "docker",
    "runner",
    "jovyan",
    "vscode",
}
"""Account names that identify no person and are common words."""


def private_problems(folder: Path) -> Iterator[Problem]:
    """Yield what would reveal the machine, by file and field, in a dataset that passes `verify`.

    This reads texts, rows and metadata of samples.parquet, the owners of the members of shards,
    the metadata of every picture, and all other files in the folder.
    """
    dataset = open_dataset(str(folder))
    users = _user_names() - _words_of_the_card(dataset.manifest, dataset.samples)
    expected = {
        MANIFEST_FILE,
        SAMPLES_FILE,
        *CARD_FILES,
        *(s.file for s in dataset.manifest.shards),
    }
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == CHECKSUMS_FILE or not path.is_file():
            continue
        if path.is_symlink() and path.name not in expected:
            yield Problem(path.name, "a link to a file that is not part of the dataset; remove it")
            continue
        yield from dict.fromkeys(
            Problem(path.name, f"{text.where}: {what}{text.field and f' in {text.field}'}")
            for text in _texts(path)
            for what in private_words(text.content, users)
        )


class _Text(NamedTuple):
    where: str
    content: str
    field: str = ""


def _texts(path: Path) -> Iterator[_Text]:
    """Yield all texts of a file; a damaged file, or one of unknown format, is read by lines."""
    read = _READERS.get(path.suffix.lower(), _lines)
    try:
        yield from read(path)
    except Exception:
        # The readers of each format raise their own errors for a damaged file.
        yield from _lines(path)


def _lines(path: Path) -> Iterator[_Text]:
    with path.open("rb") as file:
        lines = iter(lambda: file.readline(_LINE), b"")
        for number, line in enumerate(lines, start=1):
            yield _Text(f"line {number}", line.decode("utf-8", "replace"))


def _of_json(path: Path) -> Iterator[_Text]:
    data = path.read_text("utf-8")
    lines = data.splitlines()
    for field, text in _strings(json.loads(data), ""):
        encoded = json.dumps(text, ensure_ascii=False)
        at = next((number for number, line in enumerate(lines, start=1) if encoded in line), 0)
        yield _Text(f"line {at}" if at else "a text", f"{field}={text}", field)


def _strings(value: object, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _strings(part, f"{field}[{number}]")
    elif isinstance(value, dict):
        for key, part in value.items():
            yield field, key
            yield from _strings(part, f"{field}.{key}" if field else key)


def _of_parquet(path: Path) -> Iterator[_Text]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        for name, metadata in [("file", schema.metadata), *((f.name, f.metadata) for f in schema)]:
            for key, value in (metadata or {}).items():
                yield _Text(f"metadata of {name}", f"{_text(key)}={_text(value)}", _text(key))
        columns = [field.name for field in schema if pa.types.is_string(field.type)]
        for batch in file.iter_batches(columns=columns):
            for name in columns:
                for text in sorted(set(batch[name].to_pylist()) - {None}):
                    yield _Text(f"column '{name}'", text)


def _of_shard(path: Path) -> Iterator[_Text]:
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            yield _Text(f"{member.name}, owner", f"{member.uname} {member.gname}")
            file = tar.extractfile(member)
            if Path(member.name).suffix in _PICTURES and file is not None:
                for text in _of_picture(file.read()):
                    yield text._replace(where=f"{member.name}, {text.where}")


def _of_picture(data: bytes) -> Iterator[_Text]:
    """Yield text chunks, comments, XMP and EXIF of a picture."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "PNG" and re.search(rb"tEXt|zTXt|iTXt|eXIf", data):
            # Text chunks after the pixels are read only with the pixels.
            image.load()
        segments = getattr(image, "applist", None)
        named = image.info.items() if segments is None else segments
        for name, value in named:
            is_exif = name == "exif" or (isinstance(value, bytes) and value.startswith(b"Exif"))
            if isinstance(value, bytes | str) and not is_exif:
                yield _Text(f"'{name}'", f"{name}={_text(value)}")
        exif = image.getexif()
        for tags in (exif, exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)):
            for tag, value in tags.items():
                name = ExifTags.TAGS.get(tag, str(tag))
                # Windows writes some tags as UTF-16.
                yield _Text(f"EXIF {name}", f"{name}={_text(value)}".replace("\0", ""))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


_READERS: dict[str, Callable[[Path], Iterator[_Text]]] = {
    ".tar": _of_shard,
    ".parquet": _of_parquet,
    ".json": _of_json,
    **dict.fromkeys(_PICTURES, lambda path: _of_picture(path.read_bytes())),
}


def _user_names() -> frozenset[str]:
    try:
        names = {getpass.getuser(), Path.home().name}
    except (OSError, KeyError, RuntimeError):
        return frozenset()
    return frozenset(name for name in names - _COMMON_USERS if len(name) > 2)


def _words_of_the_card(manifest: Manifest, samples: object) -> set[str]:
    """Return the words of any such dataset and the names of those who are credited.

    A user name that is one of them reveals nothing.
    """
    bare = manifest.model_copy(update={"description": "", "credits": (), "recipe": {}, "url": None})
    stated = [manifest.creator, *(f"{credit.author} {credit.title}" for credit in manifest.credits)]
    text = " ".join([readme_text(bare, samples), croissant_text(bare, ""), *stated])
    return set(re.findall(r"\w+", text)) | set(re.findall(r"[\w-]+", text))
