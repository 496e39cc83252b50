"""From a dataset on disk to one that others can use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dmldata.card.checksums import CHECKSUMS_FILE, read_checksums
from dmldata.card.licenses import license_problems, pictures_license
from dmldata.card.write import CARD_FILES, change_manifest
from dmldata.common.console import Report
from dmldata.common.errors import DatasetError, InputError, PrismError
from dmldata.contract.manifest import MANIFEST_FILE, SHARD_NAME, Manifest, read_manifest
from dmldata.contract.samples import SAMPLES_FILE
from dmldata.dataset import open_dataset
from dmldata.verify import Problem, verify
from dmlgen.publish.privacy import private_problems
from dmlgen.publish.stores import MARK, Say, Store
from dmlgen.publish.versions import version_problem

MAX_NAMED = 5
"""Files of others that a message names."""


class Publication(NamedTuple):
    """What goes where.

    Attributes:
        manifest: with the version and the license that are published.
        files: all of the dataset, the manifest last.
        new: names of those that are not there yet.
        gone: names of files of an earlier version that the dataset lacks.
    """

    manifest: Manifest
    files: list[Path]
    new: list[str]
    gone: list[str]

    @property
    def bytes(self) -> int:
        """Of the files that are not there yet."""
        return sum(file.stat().st_size for file in self.files if file.name in self.new)


def check_place(folder: Path, store: Store) -> None:
    """Check that a dataset can be published to a place without a loss.

    Raises:
        InputError: no dataset in `folder`, or a place that is in it, is a file, or holds anything
            but an earlier version of the dataset and what an interrupted call has put there.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of a dataset")
    manifest = open_dataset(str(folder)).manifest
    if store.folder is not None:
        if store.folder.is_relative_to(folder.resolve()):
            raise InputError(f"--to {store.name}: is inside the dataset; give another folder")
        if store.folder.exists() and not store.folder.is_dir():
            raise InputError(f"--to {store.name}: is a file; give a new or empty folder")
    before = _published(store)
    if before is not None and _lineage(before) != _lineage(manifest):
        raise InputError(
            f"--to {store.name}: holds another dataset, {before.name} {before.version}; give "
            "another place"
        )
    others = [
        name
        for name in sorted(store.files() - _published_files(store))
        if not ((folder / name).is_file() and store.holds(folder / name))
    ]
    if others:
        more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
        raise InputError(
            f"--to {store.name}: holds what no publication of this dataset has put there: "
            f"{', '.join(others[:MAX_NAMED])}{more}; give a new or empty place"
        )


def problems_of(
    folder: Path, version: str | None = None, progress: Report | None = None
) -> list[Problem]:
    """All that keeps a dataset from being published: what `verify` finds, missing rights, and what
    would tell of the machine that made it.

    Args:
        version: as for `numbered`.

    Raises:
        InputError, DatasetError: no dataset there, or no version.
    """
    found = verify(folder, progress)
    if found:
        return found
    manifest = numbered(open_dataset(str(folder)).manifest, version)
    return [*_rights(manifest), *private_problems(folder)]


def _rights(manifest: Manifest) -> Iterator[Problem]:
    """Works whose licenses forbid it, or ask for another license of the dataset."""
    works = _works(manifest)
    problems = list(license_problems(works))
    yield from (Problem(MANIFEST_FILE, f"credits: {problem}") for problem in problems)
    if not problems and manifest.license != pictures_license(works):
        yield Problem(
            MANIFEST_FILE,
            f"license {manifest.license}: the works in the pictures ask for "
            f"{pictures_license(works)}; give --version, which changes it too",
        )


def _works(manifest: Manifest) -> dict[str, str]:
    return {credit.id: credit.license for credit in manifest.credits}


def plan_publication(folder: Path, store: Store, version: str | None = None) -> Publication:
    """Compare a dataset with what is there already; `check_place` has been called before.

    Args:
        version: as for `numbered`.

    Raises:
        InputError: no version, or it has to be another.
    """
    stated = open_dataset(str(folder)).manifest
    manifest = numbered(stated, version)
    before = _published(store)
    problem = None if before is None else version_problem(before, manifest)
    if problem:
        raise InputError(f"{store.name}: {problem}")
    files = sorted(
        (path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")),
        key=lambda path: (path.name == MANIFEST_FILE, path.name),
    )
    there = store.files()
    changing = set() if manifest == stated else {MANIFEST_FILE, *CARD_FILES}
    new = [
        file.name
        for file in files
        if file.name in changing or file.name not in there or not store.holds(file)
    ]
    gone = sorted(there & _published_files(store) - {file.name for file in files})
    return Publication(manifest, files, new, gone)


def publish(publication: Publication, store: Store, say: Say) -> None:
    """Puts the files there, and reads them back by checksum.

    Files that were there already have been read by `plan_publication`.

    Raises:
        PrismError: something could not be written, or is there in another form; the same call
            goes on.
    """
    new = [file for file in publication.files if file.name in publication.new]
    version = publication.manifest.version
    manifest = publication.files[-1]
    store.publish(new, publication.gone, manifest, version, say)
    # The manifest is put there again with any other file.
    wrong = [file.name for file in {*new, manifest} if not store.holds(file)]
    if wrong:
        raise PrismError(
            f"{store.name}: {wrong[0]} arrived altered ({len(wrong)} of {len(publication.files)} "
            f"files); the same command puts it there again"
        )


def numbered(manifest: Manifest, version: str | None) -> Manifest:
    """Return a manifest with another version, and with the license that its works ask for.

    Args:
        version: None returns the manifest as it is.

    Raises:
        InputError: no version.
    """
    if version is None:
        return manifest
    works = _works(manifest)
    license = manifest.license if any(license_problems(works)) else pictures_license(works)
    changed = {"version": version, "license": license}
    try:
        return read_manifest(json.dumps(manifest.model_dump(mode="json") | changed))
    except DatasetError:
        raise InputError(f"--version {version}: has to be like 1.0.0") from None


def set_version(folder: Path, version: str) -> None:
    """Give a dataset another version, in its manifest and in its card: `numbered`, on disk.

    Interrupted, it is completed by the next `verify`.

    Raises:
        InputError: no version.
        PrismError: the files could not be written.
    """
    dataset = open_dataset(str(folder))
    manifest = numbered(dataset.manifest, version)
    if manifest == dataset.manifest:
        return
    try:
        change_manifest(folder, manifest, dataset.samples)
    except OSError as error:
        raise PrismError(
            f"{error.filename or folder}: version {version} cannot be written into the dataset: "
            f"{error.strerror or error}"
        ) from error


def _published(store: Store) -> Manifest | None:
    """The manifest of the version that is there; None where there is none, or not all of it.

    Raises:
        InputError: something else is there under its name.
    """
    data = store.read(MANIFEST_FILE)
    if data is None:
        return None
    try:
        return read_manifest(data)
    except DatasetError as error:
        if store.read(MARK) is not None:
            return None
        raise InputError(f"{store.name}: holds another kind of dataset: {error}") from None


def _published_files(store: Store) -> set[str]:
    """Names of the files that a publication has put there, or an interrupted one was about to."""
    marked = (store.read(MARK) or b"").decode("utf-8", "replace").splitlines()
    manifest = _published(store)
    if manifest is None:
        return set(marked)
    checksums = (store.read(CHECKSUMS_FILE) or b"").decode("utf-8", "replace")
    try:
        listed = set(read_checksums(checksums))
    except DatasetError:
        listed = set()
    # Whichever version a shard is of, it is none of what is published now.
    shards = {name for name in store.files() if re.match(SHARD_NAME, name)}
    return {MANIFEST_FILE, SAMPLES_FILE, CHECKSUMS_FILE, *shards, *listed, *marked}


def _lineage(manifest: Manifest) -> tuple[object, ...]:
    """What all versions of a dataset have in common; its name tells how many images it has."""
    return manifest.recipe.get("name"), manifest.design, manifest.sweep_group
