"""Finding a dataset: a folder or any URL that fsspec reads."""

from __future__ import annotations

import os

import fsspec

from dmldata.errors import DatasetError, InputError
from dmldata.manifest import MANIFEST_FILE

CONTENTS = (
    "a dataset folder holds dataset.json, samples.parquet and <split>-000000.tar shards; "
    "`dmlgen render` makes one, and datasets/sample in a checkout of dml-prism is one"
)


def connect(url: str | os.PathLike[str]) -> tuple[fsspec.AbstractFileSystem, str, bytes]:
    """File system, folder in it (no slash at its end) and bytes of dataset.json.

    Raises:
        InputError: a URL that cannot be read at all.
        DatasetError: no dataset.json there.
    """
    url = os.fspath(url)
    try:
        fs, root = fsspec.core.url_to_fs(url)
        root = root.rstrip("/")
        return fs, root, fs.cat_file(f"{root}/{MANIFEST_FILE}")
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(f"{url}: no {MANIFEST_FILE} there; {CONTENTS}") from None
    except (ValueError, ImportError, OSError) as error:
        raise InputError(f"{url}: cannot be read: {error}") from None
