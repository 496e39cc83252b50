"""Datasets that go to a URL: rendered here, carried there whole, the manifest last."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import fsspec

from dmldata.console import Report
from dmldata.errors import InputError, PrismError, one_line
from dmldata.manifest import MANIFEST_FILE, Manifest, read_manifest

WORK = "DML_PRISM_WORK"
"""Environment variable that names the folder for frames of datasets that go to a URL."""


def is_url(out: str) -> bool:
    """Whether `out` names something else than a folder of this machine.

    >>> is_url("s3://bucket/paper"), is_url("data/paper"), is_url("file:///data/paper")
    (True, False, True)
    """
    return "://" in out


def shown(url: str) -> str:
    """A URL without what may be secret in it.

    >>> shown("ftp://me:secret@host/data?token=1")
    'ftp://host/data'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def work_folder(url: str, work: Path | None) -> Path:
    """Where the frames of a dataset that goes to `url` are kept: the same folder for the same URL.

    Args:
        work: that the user names; else the one in WORK, else `~/.cache/dml-prism/render`.
    """
    base = work or Path(os.environ.get(WORK) or Path.home() / ".cache/dml-prism/render")
    return base / hashlib.sha256(url.encode()).hexdigest()[:16]


class Destination:
    """A folder at a URL that fsspec can write.

    Raises:
        InputError: a URL that nothing here can write.
    """

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        try:
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise InputError(f"--out {self.name}: {error}") from None
        self._root = root.rstrip("/")

    def manifest(self) -> Manifest | None:
        """Read the manifest of the dataset that is there; None where there is none.

        Raises:
            DatasetError: its dataset.json is not valid.
            PrismError: the place cannot be reached.
        """
        file = f"{self._root}/{MANIFEST_FILE}"
        try:
            data = self._fs.cat_file(file) if self._fs.exists(file) else None
        except Exception as error:
            raise PrismError(f"{self.name}: cannot be read: {one_line(error)}") from error
        return None if data is None else read_manifest(data, f"{self.name}/{MANIFEST_FILE}")

    def check(self) -> None:
        """Whether a dataset can be put there.

        Raises:
            InputError: it holds one already.
            PrismError: it cannot be reached or written.
        """
        probe = f"{self._root}/.dml-prism"
        try:
            taken = self._fs.exists(f"{self._root}/{MANIFEST_FILE}")
            if not taken:
                self._fs.makedirs(self._root, exist_ok=True)
                self._fs.pipe_file(probe, b"can this be written?")
                self._fs.rm_file(probe)
        except Exception as error:
            raise PrismError(f"{self.name}: cannot be written: {one_line(error)}") from error
        if taken:
            raise InputError(f"{self.name} already holds a dataset; give another --out")

    def put(self, folder: Path, report: Report | None = None) -> None:
        """Copies the files of a dataset; the manifest last, so that it is there when all is.

        Files that are there already, of the same length, were put there by an earlier call.

        Raises:
            PrismError: a file could not be copied; the same call goes on.
        """
        files = sorted(
            (path for path in folder.iterdir() if not path.name.startswith(".")),
            key=lambda path: (path.name == MANIFEST_FILE, path.name),
        )
        for done, file in enumerate(files):
            if report:
                report(f"upload {file.name}", done, len(files))
            self._put(file)

    def _put(self, file: Path) -> None:
        target, length = f"{self._root}/{file.name}", file.stat().st_size
        try:
            if not self._fs.exists(target) or self._fs.size(target) != length:
                self._fs.put_file(str(file), target)
            arrived = self._fs.size(target)
        except Exception as error:
            raise PrismError(
                f"{self.name}/{file.name}: cannot be written: {one_line(error)}; the dataset is "
                f"kept in {file.parent}, and the same command goes on"
            ) from error
        if arrived != length:
            raise PrismError(f"{self.name}/{file.name}: {arrived} of {length} bytes arrived")
