"""Locate a dataset: a set of the project, a folder, a URL, or a dataset on the Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import fsspec

from dmldata.common.errors import DatasetError, InputError, UnknownNameError, one_line
from dmldata.common.hub_access import hub_endpoint, offline_if_hub_is_silent
from dmldata.contract.manifest import MANIFEST_FILE
from dmldata.dataset_files import read_dataset_file

HUB, PACKAGE = "hf://", "package:"

SETS = {
    "paper": "2,000 images to measure on: eleven properties of six cars (29 MB)",
    "sample": "64 images to try things on (1 MB)",
    "train196": "5,880 images of 196 car models to train on (87 MB)",
}
"""The datasets that come with the project, with their purpose and size."""

CONTENTS = (
    "a dataset folder holds dataset.json, samples.parquet and <split>-000000.tar shards; "
    "`dmlgen render` makes one"
)
VALID = f"a folder, a URL, hf://owner/name, or a set that comes with dml-prism ({', '.join(SETS)})"
OFFLINE = (
    "without a network, copy the dataset into a folder and give the folder, or give a set that "
    f"comes with dml-prism ({', '.join(SETS)})"
)

_WITH_HOST = ("http", "https", "ftp", "sftp")
"""Schemes of URLs that name a host; `s3://` names a bucket instead."""


class Location(NamedTuple):
    """The place of a dataset.

    Attributes:
        url: its name in results: the requested name, but `package:NAME` for a set of the project
            and `hf://owner/name@commit` for a dataset on the Hub.
        place: folder or URL that it can be read from.
    """

    url: str
    place: str


def locate(url: str | os.PathLike[str]) -> Location:
    """Return the place of a dataset; one on the Hub is downloaded into the Hub's cache.

    Args:
        url: a folder, a URL that fsspec reads, `hf://owner/name[@revision]`, or the name of one of
            `SETS`. If a folder has the name of a set, the folder is used; `package:NAME` is always
            the set.

    Raises:
        InputError: a set is not installed, or a dataset on the Hub cannot be downloaded.
    """
    url = os.fspath(url)
    if url.startswith(HUB):
        return _from_hub(url)
    if url.startswith(PACKAGE):
        return _from_package(url.removeprefix(PACKAGE))
    if url in SETS and not Path(url).is_dir():
        return _from_package(url)
    return Location(url, url)


def connect(location: Location) -> tuple[fsspec.AbstractFileSystem, str, bytes]:
    """Return file system, folder in it (without a trailing slash) and bytes of dataset.json.

    Raises:
        InputError: the URL cannot be read at all.
        DatasetError: there is no folder, or no dataset.json in it.
    """
    url, place = location
    try:
        fs, root = fsspec.core.url_to_fs(place)
        root = root.rstrip("/")
        return fs, root, read_dataset_file(fs, f"{root}/{MANIFEST_FILE}")
    except FileNotFoundError:
        if "://" not in place and not Path(place).is_dir():
            raise DatasetError(no_folder(place)) from None
        raise DatasetError(f"{url}: no {MANIFEST_FILE} there; {CONTENTS}") from None
    except DatasetError as error:
        raise DatasetError(f"{url}: {error}") from None
    except (ValueError, ImportError) as error:
        raise InputError(f"{url}: cannot be read: {one_line(error)}") from None
    except Exception as error:
        # Each file system raises its own errors for a network or host that does not answer.
        parts = urlsplit(place)
        at_host = f" from {parts.hostname}" if parts.scheme in _WITH_HOST else ""
        hint = f"; {OFFLINE}" if "://" in place else ""
        raise InputError(f"{url}: cannot be read{at_host}: {_reason(error)}{hint}") from None


def _reason(error: Exception) -> str:
    return one_line(error).rstrip(".") or type(error).__name__


def no_folder(place: str) -> str:
    """Return the message that there is no such folder, with what would be valid."""
    if Path(place).exists():
        return f"{place}: is a file; valid: {VALID}"
    return f"{place}: no such folder; valid: {VALID}"


def _from_package(name: str) -> Location:
    if name not in SETS:
        raise UnknownNameError("set", name, SETS)
    here = Path(__file__).resolve().parent
    for folder in (here / "sets" / name, here.parent / name):
        if (folder / MANIFEST_FILE).is_file():
            return Location(f"{PACKAGE}{name}", str(folder))
    raise InputError(
        f"set '{name}' ({SETS[name]}) is in a checkout of dml-prism, not in the installed package; "
        f"give the path of a checkout's datasets/{name}, or render it (3 hours on two "
        f"cores) with: dmlgen render {name} --size 160 --preset draft"
    )


def _from_hub(url: str) -> Location:
    match = re.fullmatch(r"hf://(?:datasets/)?([\w.-]+/[\w.-]+?)(?:@([^@\s]+))?/?", url)
    if match is None:
        raise InputError(
            f"{url}: has to be of the form hf://owner/name or hf://owner/name@revision"
        )
    repository, revision = match.groups()
    endpoint = hub_endpoint()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        with offline_if_hub_is_silent():
            folder = snapshot_download(
                repository, repo_type="dataset", revision=revision, endpoint=endpoint
            )
    except RevisionNotFoundError:
        raise InputError(f"{url}: the dataset has no revision '{revision}'") from None
    except RepositoryNotFoundError:
        raise InputError(
            f"{url}: no such dataset on {urlsplit(endpoint).hostname}, or a private one "
            "(log in with: hf auth login)"
        ) from None
    except Exception as error:
        raise InputError(
            f"{url}: cannot be read from {urlsplit(endpoint).hostname}: {_reason(error)}; a "
            f"dataset that was downloaded before is read from the cache; else {OFFLINE}"
        ) from error
    return Location(f"{HUB}{repository}@{Path(folder).name}", folder)
