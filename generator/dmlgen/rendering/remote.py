"""Datasets that go to a URL: rendered here, carried there whole, the manifest last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from dmldata.common.console import Report
from dmldata.common.errors import DatasetError, InputError, PrismError, one_line
from dmldata.common.files import CLUTTER, sha256_of
from dmldata.common.text import without_credentials
from dmldata.contract.manifest import MANIFEST_FILE, Manifest, read_manifest

_BEGUN = ".dml-prism.json"
"""File that says which dataset is being put somewhere, until all of it is there: its manifest."""
_PROBE = ".dml-prism"
WORK = "DML_PRISM_WORK"
"""Environment variable that names the folder for frames of datasets that go to a URL."""


def is_url(out: str) -> bool:
    """Whether `out` names something else than a folder of this machine.

    >>> is_url("s3://bucket/paper"), is_url("data/paper"), is_url("file:///data/paper")
    (True, False, True)
    """
    return "://" in out


def work_folder(url: str, work: Path | None) -> Path:
    """Where the frames of a dataset that goes to `url` are kept: the same folder for the same URL.

    Args:
        work: that the user names; else the one in WORK, else `~/.cache/dml-prism/render`.
    """
    base = work or Path(os.environ.get(WORK) or "~/.cache/dml-prism/render").expanduser()
    return base / hashlib.sha256(url.encode()).hexdigest()[:16]


class Destination:
    """A folder at a URL that fsspec can write.

    Raises:
        InputError: a URL that nothing here can write.
    """

    def __init__(self, url: str) -> None:
        self.name = without_credentials(url)
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
        return self._read(MANIFEST_FILE)

    def begun(self) -> Manifest | None:
        """Read the manifest of a dataset that was not put there to the end; None where none was.

        Raises:
            DatasetError: what says so is not valid.
            PrismError: the place cannot be reached.
        """
        return self._read(_BEGUN)

    def check(self) -> None:
        """Make sure that a dataset can be put there.

        Raises:
            InputError: it holds one already, or files that are not of one that was begun.
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
        if MANIFEST_FILE in names:
            raise InputError(f"{self.name} already holds a dataset; give another --out")
        if names and _BEGUN not in names:
            raise InputError(
                f"{self.name} is not empty (it holds {', '.join(sorted(names)[:3])}); give another "
                "--out"
            )

    def put(self, folder: Path, report: Report | None = None) -> None:
        """Copies the files of a dataset; the manifest last, so that it is there when all is.

        Each file is read back. One that is there already, of the same bytes, was put there by an
        earlier call.

        Raises:
            InputError: another dataset was begun to be put there.
            PrismError: a file could not be copied; the same call goes on.
        """
        data = (folder / MANIFEST_FILE).read_bytes()
        manifest = read_manifest(data, MANIFEST_FILE)
        with self._writing(_BEGUN, folder):
            begun = self.begun()
        if begun is not None and begun.fingerprint != manifest.fingerprint:
            raise InputError(
                f"{self.name} holds a part of another dataset, {begun.name} (fingerprint "
                f"{begun.fingerprint}, not {manifest.fingerprint}); delete what is there, or give "
                "another --out"
            )
        files = sorted(
            (path for path in folder.iterdir() if not path.name.startswith(".")),
            key=lambda path: (path.name == MANIFEST_FILE, path.name),
        )
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
                f"in {file.parent}, and the same command goes on"
            )

    def _read(self, name: str) -> Manifest | None:
        file = f"{self._root}/{name}"
        try:
            data = self._fs.cat_file(file) if self._fs.exists(file) else None
        except Exception as error:
            raise PrismError(f"{self.name}: cannot be read: {one_line(error)}") from error
        return None if data is None else read_manifest(data, f"{self.name}/{name}")

    def _names(self) -> set[str]:
        """Names of what is there, without what file managers and an interrupted check leave."""
        try:
            found = [str(path).rstrip("/") for path in self._fs.ls(self._root, detail=False)]
        except FileNotFoundError:
            return set()
        names = {path.rpartition("/")[2] for path in found if path != self._root}
        return names - CLUTTER - {_PROBE}

    @contextmanager
    def _writing(self, name: str, kept: Path) -> Iterator[None]:
        try:
            yield
        except DatasetError:
            raise
        except Exception as error:
            raise PrismError(
                f"{self.name}/{name}: cannot be written: {one_line(error)}; the dataset is "
                f"kept in {kept}, and the same command goes on"
            ) from error


def is_copy(fs: fsspec.AbstractFileSystem, target: str, file: Path) -> bool:
    """Whether `target` has the bytes of a file; it is read whole."""
    try:
        if fs.size(target) != file.stat().st_size:
            return False
        with fs.open(target, "rb") as there:
            return sha256_of(there) == sha256_of(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
