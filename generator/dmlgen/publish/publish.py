"""Publish a dataset: check it, plan which files to upload, and upload them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dmldata.card.checksums import CHECKSUMS_FILE, read_checksums
from dmldata.card.licenses import license_problems, pictures_license
from dmldata.card.markdown import one_paragraph
from dmldata.card.write import CARD_FILES, change_manifest
from dmldata.common.errors import DatasetError, InputError, PrismError
from dmldata.common.output import Say
from dmldata.common.progress import Progress
from dmldata.contract.manifest import MANIFEST_FILE, SHARD_NAME, Manifest, read_manifest
from dmldata.contract.samples import SAMPLES_FILE
from dmldata.dataset import open_dataset
from dmldata.verify import Problem, verify
from dmlgen.publish.privacy import private_problems
from dmlgen.publish.stores import BEFORE, MARK, PENDING, Store
from dmlgen.publish.versions import bumped, version_problem
from dmlgen.rendering.remote import files_to_upload

MAX_NAMED = 5
"""Maximum number of unexpected files that a message names."""


class Publication(NamedTuple):
    """The files of a dataset, compared with those at the place that it is published to.

    Attributes:
        manifest: the manifest with the published version and license.
        files: all files of the dataset, the manifest last.
        new: names of the files that are not published yet.
        gone: names of published files of an earlier version that the dataset lacks.
    """

    manifest: Manifest
    files: list[Path]
    new: list[str]
    gone: list[str]

    @property
    def bytes(self) -> int:
        """Total size of the files that are not published yet."""
        return sum(file.stat().st_size for file in self.files if file.name in self.new)


def check_place(folder: Path, store: Store) -> None:
    """Check that publishing a dataset to a place overwrites nothing else.

    Raises:
        InputError: there is no dataset in `folder`, or the place is inside it, is a file, or holds
            anything but an earlier version of the dataset and files of an interrupted call.
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
    for there in (before, _manifest_in(store, PENDING)):
        if there is not None and _lineage(there) != _lineage(manifest):
            raise InputError(
                f"--to {store.name}: holds another dataset, {there.name} {there.version}; give "
                "another place"
            )
    foreign = [
        name
        for name in sorted(store.files() - _published_files(store, before))
        if not ((folder / name).is_file() and store.holds(folder / name))
    ]
    if foreign:
        more = f" and {len(foreign) - MAX_NAMED} more" if len(foreign) > MAX_NAMED else ""
        raise InputError(
            f"--to {store.name}: holds files that are not of this dataset: "
            f"{', '.join(foreign[:MAX_NAMED])}{more}; give a new or empty place"
        )


def problems_of(
    folder: Path,
    version: str | None = None,
    creator: str | None = None,
    progress: Progress | None = None,
) -> list[Problem]:
    """Return every problem that keeps a dataset from being published.

    These are the problems that `verify` reports, missing rights, and private data of the machine
    that made it.

    Args:
        version, creator: as for `restated`.

    Raises:
        InputError, DatasetError: there is no dataset, or version or creator are not valid.
    """
    problems = verify(folder, progress)
    if problems:
        return problems
    manifest = restated(open_dataset(str(folder)).manifest, version, creator)
    return [*_rights(manifest), *private_problems(folder)]


def _rights(manifest: Manifest) -> Iterator[Problem]:
    """Yield licenses of works that forbid publication or require another license of the dataset."""
    works = _works(manifest)
    problems = list(license_problems(works))
    yield from (Problem(MANIFEST_FILE, f"credits: {problem}") for problem in problems)
    if not problems and manifest.license != pictures_license(works):
        yield Problem(
            MANIFEST_FILE,
            f"license {manifest.license}: the works in the pictures require "
            f"{pictures_license(works)}; give --version, which changes it too",
        )


def _works(manifest: Manifest) -> dict[str, str]:
    return {credit.id: credit.license for credit in manifest.credits}


def plan_publication(
    folder: Path, store: Store, version: str | None = None, creator: str | None = None
) -> Publication:
    """Compare a dataset with the published files. Call `check_place` first.

    Args:
        version, creator: as for `restated`.

    Raises:
        InputError: version or creator are not valid, or the version is too low for what has
            changed.
    """
    stated = open_dataset(str(folder)).manifest
    manifest = restated(stated, version, creator)
    before = _published(store)
    problem = None if before is None else version_problem(before, manifest)
    if problem is None and before == manifest and _has_other_card(folder, store):
        problem = (
            f"version {manifest.version} is published there, and its card was changed; give "
            f"--version {bumped(manifest.version, 'patch')}"
        )
    if problem:
        raise InputError(f"{store.name}: {problem}")
    files = files_to_upload(folder)
    published_names = store.files()
    changing = set() if manifest == stated else {MANIFEST_FILE, *CARD_FILES}
    new = [
        file.name
        for file in files
        if file.name in changing or file.name not in published_names or not store.holds(file)
    ]
    gone = sorted(published_names & _published_files(store, before) - {file.name for file in files})
    return Publication(manifest, files, new, gone)


def publish(publication: Publication, store: Store, say: Say) -> None:
    """Upload the new files and read them back by checksum.

    `plan_publication` has already checked the files that were published before.

    Raises:
        PrismError: a file could not be written, or arrived altered; the same call resumes.

    ```python
    store = open_store("hf://owner/name")
    publish(plan_publication(Path("cars"), store, "1.0.0"), store, print)
    ```
    """
    new = [file for file in publication.files if file.name in publication.new]
    version = publication.manifest.version
    manifest = publication.files[-1]
    store.publish(new, publication.gone, manifest, version, say)
    # The manifest is uploaded again with any other file.
    wrong = [file.name for file in {*new, manifest} if not store.holds(file)]
    if wrong:
        raise PrismError(
            f"{store.name}: {wrong[0]} arrived altered ({len(wrong)} of {len(publication.files)} "
            f"files); run the same command again: it uploads the file again"
        )


def restated(manifest: Manifest, version: str | None, creator: str | None = None) -> Manifest:
    """Return a manifest with another version or creator.

    Another version also has the license that the works in the images require.

    Args:
        version: new version, such as 1.1.0; None leaves it.
        creator: who publishes the dataset, on one line; None leaves it.

    Raises:
        InputError: the version or the creator is not valid.
    """
    changes: dict[str, str] = {}
    if creator is not None:
        if not one_paragraph(creator) or creator.splitlines() != [creator]:
            raise InputError(f"--creator {creator!r}: has to be a name on one line")
        changes["creator"] = creator
    if version is not None:
        works = _works(manifest)
        license = manifest.license if any(license_problems(works)) else pictures_license(works)
        changes |= {"version": version, "license": license}
    try:
        return read_manifest(json.dumps(manifest.model_dump(mode="json") | changes))
    except DatasetError:
        if version is None:
            raise
        raise InputError(f"--version {version}: has to be three numbers, such as 1.0.0") from None


def restate(folder: Path, version: str | None, creator: str | None = None) -> bool:
    """Write `restated` of a dataset's manifest to disk, with the card that goes with it.

    If this is interrupted, the next `verify` completes it.

    Returns:
        Whether README.md was another than the manifest gave; a copy of it stays.

    Raises:
        InputError: the version or the creator is not valid.
        PrismError: the files could not be written.
    """
    dataset = open_dataset(str(folder))
    manifest = restated(dataset.manifest, version, creator)
    if manifest == dataset.manifest:
        return False
    try:
        return change_manifest(folder, dataset.manifest, manifest, dataset.samples)
    except OSError as error:
        raise PrismError(
            f"{error.filename or folder}: version {manifest.version} cannot be written into the "
            f"dataset: {error.strerror or error}"
        ) from error


def _has_other_card(folder: Path, store: Store) -> bool:
    """Return whether a finished publication has other checksums than a dataset; not damaged."""
    published = _checksums_in(store)
    if not published or store.read(MARK) is not None:
        return False
    return published != read_checksums((folder / CHECKSUMS_FILE).read_text())


def _checksums_in(store: Store) -> dict[str, str]:
    """Return the published checksums by file name; none where the file is damaged or missing."""
    try:
        return read_checksums((store.read(CHECKSUMS_FILE) or b"").decode("utf-8", "replace"))
    except DatasetError:
        return {}


def _published(store: Store) -> Manifest | None:
    """Read the published manifest; of an unfinished publication that of the version it replaces.

    Returns:
        None if nothing was published there.

    Raises:
        InputError: the file is not a manifest of this kind.
    """
    # Until a publication ends, the manifest is not there or may be there by half.
    return _manifest_in(store, MANIFEST_FILE if store.read(MARK) is None else BEFORE)


def _manifest_in(store: Store, file: str) -> Manifest | None:
    data = store.read(file)
    if data is None:
        return None
    try:
        return read_manifest(data)
    except DatasetError as error:
        raise InputError(f"{store.name}: holds another kind of dataset: {error}") from None


def _published_files(store: Store, manifest: Manifest | None) -> set[str]:
    """Return the names of files that a publication wrote, or that an interrupted one planned to.

    Args:
        manifest: see `_published`.
    """
    marked = (store.read(MARK) or b"").decode("utf-8", "replace").splitlines()
    if manifest is None:
        return set(marked)
    # Shards of any earlier version belong to the dataset and are replaced.
    shards = {name for name in store.files() if re.match(SHARD_NAME, name)}
    return {MANIFEST_FILE, SAMPLES_FILE, CHECKSUMS_FILE, *shards, *_checksums_in(store), *marked}


def _lineage(manifest: Manifest) -> tuple[object, ...]:
    """Return what all versions of a dataset share; not its name, which holds the image count."""
    return manifest.recipe.get("name"), manifest.design, manifest.sweep_group
