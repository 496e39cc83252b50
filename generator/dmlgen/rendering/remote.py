"""Datasets at a URL: rendered on this machine, then uploaded as a whole, the manifest last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from dmldata.common.errors import DatasetError, InputError, PrismError, one_line
from dmldata.common.files import CLUTTER, sha256_of
from dmldata.common.progress import Progress
from dmldata.common.text import without_credentials
from dmldata.contract.manifest import MANIFEST_FILE, Manifest, read_manifest

_BEGUN = ".dml-prism.json"
"""File at the URL that marks an unfinished upload; its content is the dataset's manifest."""
_PROBE = ".dml-prism"
WORK = "DML_PRISM_WORK"
"""Environment variable that names the folder for frames of datasets at a URL."""


def is_url(out: str) -> bool:
    """Return whether `out` is a URL rather than a path on this machine.

    >>> is_url("s3://bucket/paper"), is_url("data/paper"), is_url("file:///data/paper")
    (True, False, True)
    """
    return "://" in out


def work_folder(url: str, work: Path | None) -> Path:
    """Return the folder for the frames of a dataset at `url`: always the same for the same URL.

    Args:
        work: parent folder; None for the one that the variable WORK names, or else
            `~/.cache/dml-prism/render`.
    """
    base = work or Path(os.environ.get(WORK) or "~/.cache/dml-prism/render").expanduser()
    return base / hashlib.sha256(url.encode()).hexdigest()[:16]


class Destination:
    """A folder at a URL that fsspec can write.

    Raises:
        InputError: no installed file system can write the URL.
    """

    def __init__(self, url: str) -> None:
        self.name = without_credentials(url)
        try:
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise InputError(f"--out {self.name}: {error}") from None
        self._root = root.rstrip("/")

    def manifest(self) -> Manifest | None:
        """Read the manifest of the dataset at the URL; None if there is none or it is unfinished.

        Raises:
            DatasetError: its dataset.json is not valid.
            PrismError: the place cannot be reached.
        """
        return None if self.begun() is not None else self._read(MANIFEST_FILE)

    def begun(self) -> Manifest | None:
        """Read the manifest of a dataset whose upload is unfinished; None if there is none.

        Raises:
            DatasetError: the file that marks the upload is not valid.
            PrismError: the place cannot be reached.
        """
        return self._read(_BEGUN)

    def check(self) -> None:
        """Check that a dataset can be uploaded there.

        Raises:
            InputError: the place holds a dataset already, or files that are not of an unfinished
                upload.
            PrismError: it cannot be reached or written.
        """
        probe = f"{self._root}/{_PROBE}"
        try:
            names = self._names()
            if not names or _BEGUN in names:
                self._fs.makedirs(self._root, exist_ok=True)
                self._fs.pipe_file(probe, b"can this be written?")
                self._fs.rm_file(probe)
        except Exception as error:
            raise PrismError(f"{self.name}: cannot be written: {one_line(error)}") from error
        if MANIFEST_FILE in names and _BEGUN not in names:
            raise InputError(f"{self.name} already holds a dataset; give another --out")
        if names and _BEGUN not in names:
            raise InputError(
                f"{self.name} is not empty (it holds {', '.join(sorted(names)[:3])}); give another "
                "--out"
            )

    def put(self, folder: Path, report: Progress | None = None) -> None:
        """Upload the files of a dataset, the manifest last: once it is there, the dataset is whole.

        Each file is read back. A file that already has the same bytes there is not sent again.

        Raises:
            InputError: the place holds another dataset, or a part of one.
            PrismError: a file could not be copied; the same call resumes the upload.
        """
        data = (folder / MANIFEST_FILE).read_bytes()
        manifest = read_manifest(data, MANIFEST_FILE)
        with self._writing(_BEGUN, folder):
            begun = self.begun()
            # Another process may have ended here since `check`.
            there = self._read(MANIFEST_FILE) if begun is None else begun
        if there is not None and there.fingerprint != manifest.fingerprint:
            raise InputError(
                f"{self.name} holds {'' if begun is None else 'a part of '}another dataset, "
                f"{there.name} (fingerprint {there.fingerprint}, not {manifest.fingerprint}); "
                "delete what is there, or give another --out"
            )
        files = files_to_upload(folder)
        with self._writing(_BEGUN, folder):
            self._fs.makedirs(self._root, exist_ok=True)
            self._fs.pipe_file(f"{self._root}/{_BEGUN}", data)
        for done, file in enumerate(files):
            if report:
                report(f"upload {file.name}", done, len(files))
            self._put(file)
        with self._writing(_BEGUN, folder):
            self._fs.rm_file(f"{self._root}/{_BEGUN}")

    def _put(self, file: Path) -> None:
        target = f"{self._root}/{file.name}"
        with self._writing(file.name, file.parent):
            if is_copy(self._fs, target, file):
                return
            self._fs.put_file(str(file), target)
            arrived = is_copy(self._fs, target, file)
        if not arrived:
            raise PrismError(
                f"{self.name}/{file.name}: other bytes arrived than were sent; the dataset is kept "
                f"in {file.parent}: run the same command again to resume"
            )

    def _read(self, name: str) -> Manifest | None:
        file = f"{self._root}/{name}"
        try:
            data = self._fs.cat_file(file) if self._fs.exists(file) else None
        except Exception as error:
            raise PrismError(f"{self.name}: cannot be read: {one_line(error)}") from error
        return None if data is None else read_manifest(data, f"{self.name}/{name}")

    def _names(self) -> set[str]:
        """Return names at the URL, without what file managers and an interrupted check leave."""
        try:
            paths = [str(path).rstrip("/") for path in self._fs.ls(self._root, detail=False)]
        except FileNotFoundError:
            return set()
        names = {path.rpartition("/")[2] for path in paths if path != self._root}
        return names - CLUTTER - {_PROBE}

    @contextmanager
    def _writing(self, name: str, folder: Path) -> Iterator[None]:
        try:
            yield
        except DatasetError:
            raise
        except Exception as error:
            raise PrismError(
                f"{self.name}/{name}: cannot be written: {one_line(error)}; the dataset is "
                f"kept in {folder}: run the same command again to resume"
            ) from error


def files_to_upload(folder: Path) -> list[Path]:
    """Return the files of a dataset in a folder, without hidden ones, the manifest last."""
    return sorted(
        (path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")),
        key=lambda path: (path.name == MANIFEST_FILE, path.name),
    )


def is_copy(fs: fsspec.AbstractFileSystem, target: str, file: Path) -> bool:
    """Return whether `target` has the bytes of a file; it is read as a whole."""
    try:
        if fs.size(target) != file.stat().st_size:
            return False
        with fs.open(target, "rb") as copy:
            return sha256_of(copy) == sha256_of(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
