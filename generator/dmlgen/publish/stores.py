"""Stores: places that datasets are published to, with reading and writing of their files."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import fsspec

from dmldata.common.errors import InputError, PrismError, one_line
from dmldata.common.extras import import_extra
from dmldata.common.files import sha256_of
from dmldata.common.output import Say
from dmldata.common.text import without_credentials
from dmldata.contract.manifest import MANIFEST_FILE
from dmldata.dataset_files import is_local
from dmlgen.rendering.remote import is_copy

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile, RepoFolder

HUB = "hf://"
MARK = ".publishing"
"""File that marks an unfinished publication into a folder: it lists the files of the dataset."""
BEFORE = ".published"
"""Manifest of the version that an unfinished publication into a folder replaces."""
PENDING = ".publishing.json"
"""Manifest of the version that an unfinished publication into a folder writes."""


class Store(Protocol):
    """A place that holds at most one dataset.

    Attributes:
        name: name of the place, without credentials.
        folder: the place as a folder of this machine; None if it is elsewhere.
    """

    name: str
    folder: Path | None

    def read(self, file: str) -> bytes | None:
        """Return the bytes of a file; None if it does not exist."""

    def files(self) -> set[str]:
        """Return the names of files and folders there, without hidden ones (with a leading dot)."""

    def holds(self, file: Path) -> bool:
        """Return whether the place has the same file, compared by checksum."""

    def publish(
        self, new: Sequence[Path], gone: Sequence[str], manifest: Path, version: str, say: Say
    ) -> None:
        """Upload the files in `new`, the manifest last, and remove those in `gone`.

        Raises:
            PrismError: a file could not be written; the same call resumes.
        """


def open_store(to: str, *, private: bool = False, quiet: bool = False) -> Store:
    """Return the store that `--to` names: `hf://owner/name`, a folder, or a URL for fsspec.

    Args:
        private: make a new repository on the Hub private.
        quiet: show no progress bars of uploads.

    Raises:
        InputError: the kind of place is not supported, or the name is ambiguous.
    """
    if to.startswith(HUB):
        return HubStore(to.removeprefix(HUB), private, quiet)
    if not to.strip():
        raise InputError("--to is empty: give hf://owner/name, a folder, or a URL")
    if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", to) and not Path(to).parent.exists():
        raise InputError(
            f"--to {to}: there is no folder '{Path(to).parent}' here; give {HUB}{to} for a "
            f"repository of the Hugging Face Hub, ./{to} for a new folder"
        )
    return FolderStore(to)


class FolderStore:
    """A folder on this machine or at a URL."""

    def __init__(self, url: str) -> None:
        self.name = without_credentials(url)
        try:
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise InputError(f"--to {self.name}: {error}") from None
        self._root = root.rstrip("/")
        self.folder = Path(root).resolve() if is_local(self._fs) else None

    def read(self, file: str) -> bytes | None:
        """See `Store`."""
        try:
            return bytes(self._fs.cat_file(f"{self._root}/{file}"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:
            raise self._failed("read", error) from error

    def files(self) -> set[str]:
        """See `Store`."""
        try:
            listed = self._fs.ls(self._root, detail=False)
        except FileNotFoundError:
            return set()
        except Exception as error:
            raise self._failed("read", error) from error
        # A bucket lists the folder itself if it exists as an object.
        paths = {str(path).rstrip("/") for path in listed} - {self._root}
        names = {path.rpartition("/")[2] for path in paths}
        return {name for name in names if name and not name.startswith(".")}

    def holds(self, file: Path) -> bool:
        """See `Store`. The file is read back as a whole."""
        try:
            return is_copy(self._fs, f"{self._root}/{file.name}", file)
        except Exception as error:
            raise self._failed("read", error) from error

    def publish(
        self, new: Sequence[Path], gone: Sequence[str], manifest: Path, version: str, say: Say
    ) -> None:
        """See `Store`. The manifest is removed first and written last, so that no reader meets a
        mixture of two versions."""
        if not new and not gone and self.read(MARK) is None:
            return
        data_files = [file for file in new if file != manifest]
        at = ""
        try:
            self._fs.makedirs(self._root, exist_ok=True)
            at = f"/{BEFORE}"
            before = self.read(MANIFEST_FILE)
            if before is not None and self.read(MARK) is None:
                self._fs.pipe_file(f"{self._root}/{BEFORE}", before)
            at = f"/{PENDING}"
            self._fs.pipe_file(f"{self._root}/{PENDING}", manifest.read_bytes())
            at = f"/{MARK}"
            names = self.files().union(gone, (file.name for file in (*data_files, manifest)))
            self._fs.pipe_file(f"{self._root}/{MARK}", "\n".join(sorted(names)).encode())
            for name in (MANIFEST_FILE, *gone):
                at = f"/{name}"
                if self._fs.exists(f"{self._root}/{name}"):
                    self._fs.rm_file(f"{self._root}/{name}")
            for file in (*data_files, manifest):
                at = f"/{file.name}"
                say(f"put {file.name}")
                self._fs.put_file(str(file), f"{self._root}/{file.name}")
            for name in (BEFORE, PENDING, MARK):
                at = f"/{name}"
                if self._fs.exists(f"{self._root}/{name}"):
                    self._fs.rm_file(f"{self._root}/{name}")
        except Exception as error:
            raise self._failed("written", error, at) from error

    def _failed(self, what: str, error: Exception, at: str = "") -> PrismError:
        reason = (error.strerror if isinstance(error, OSError) else "") or one_line(error)
        return PrismError(f"{self.name}{at}: cannot be {what}: {reason}")


class HubStore:
    """A dataset repository of the Hugging Face Hub, or of a server at HF_ENDPOINT.

    The token is that of `hf auth login` or HF_TOKEN; this code never reads it.
    """

    folder: Path | None = None

    def __init__(self, repository: str, private: bool, quiet: bool) -> None:
        import_extra("huggingface_hub")
        from huggingface_hub import HfApi
        from huggingface_hub.utils import (
            HFValidationError,
            disable_progress_bars,
            validate_repo_id,
        )

        # Its native threads draw the bars, and may abort the process if it ends before they do.
        if quiet or not sys.stderr.isatty():
            disable_progress_bars()

        repository = repository.removeprefix("datasets/").rstrip("/")
        self.name = f"{HUB}{repository}"
        try:
            validate_repo_id(repository)
        except HFValidationError:
            repository = ""
        if repository.count("/") != 1:
            raise InputError(f"--to {self.name}: has to be of the form hf://owner/name")
        self._repository, self._private = repository, private
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        self._entries: dict[str, RepoFile | RepoFolder] | None = None

    def read(self, file: str) -> bytes | None:
        """See `Store`."""
        if file not in self._tree():
            return None
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = self._api.hf_hub_download(
                    self._repository, file, repo_type="dataset", local_dir=folder
                )
            except Exception as error:
                raise self._failed("read", error) from error
            return Path(path).read_bytes()

    def files(self) -> set[str]:
        """See `Store`."""
        return {name for name in self._tree() if not name.startswith(".") and "/" not in name}

    def holds(self, file: Path) -> bool:
        """See `Store`. Compares the SHA-256 of large files and the git hash of small ones."""
        from huggingface_hub.hf_api import RepoFile

        entry = self._tree().get(file.name)
        if not isinstance(entry, RepoFile):
            return False
        if entry.lfs is not None:
            return bool(entry.lfs.sha256 == sha256_of(file))
        return bool(entry.blob_id == git_hash(file.read_bytes()))

    def publish(
        self, new: Sequence[Path], gone: Sequence[str], manifest: Path, version: str, say: Say
    ) -> None:
        """See `Store`. Everything is one commit, tagged with the version: all of it or nothing."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationDelete(name) for name in gone),
            *(CommitOperationAdd(file.name, str(file)) for file in new),
        ]
        try:
            self._api.create_repo(
                self._repository, repo_type="dataset", private=self._private, exist_ok=True
            )
            if self._private and not self._is_private():
                raise InputError(
                    f"--private: {self.name} is there and public; make it private first, or leave "
                    "out --private"
                )
            if operations:
                say(f"put {len(new)} files in one commit")
                self._api.create_commit(
                    self._repository,
                    operations,
                    commit_message=f"Version {version}",
                    repo_type="dataset",
                )
            self._api.create_tag(
                self._repository, tag=f"v{version}", repo_type="dataset", exist_ok=True
            )
        except InputError:
            raise
        except Exception as error:
            raise self._failed("written", error) from error
        self._entries = None

    def _is_private(self) -> bool:
        return bool(self._api.repo_info(self._repository, repo_type="dataset").private)

    def _tree(self) -> dict[str, RepoFile | RepoFolder]:
        from huggingface_hub.errors import RepositoryNotFoundError

        if self._entries is None:
            try:
                entries = list(self._api.list_repo_tree(self._repository, repo_type="dataset"))
            except RepositoryNotFoundError:
                entries = []
            except Exception as error:
                raise self._failed("read", error) from error
            self._entries = {entry.path: entry for entry in entries}
        return self._entries

    def _failed(self, what: str, error: Exception) -> PrismError:
        return PrismError(f"{self.name}: cannot be {what}: {one_line(error)}")


def git_hash(data: bytes) -> str:
    """Return the git blob hash of a file's bytes.

    >>> git_hash(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
