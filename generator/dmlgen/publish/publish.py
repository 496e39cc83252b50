"""From a dataset on disk to one that others can use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from dmldata.card import write_card
from dmldata.console import Report
from dmldata.dataset import open_dataset
from dmldata.errors import DatasetError, InputError, PrismError
from dmldata.files import write_whole
from dmldata.manifest import MANIFEST_FILE, Manifest, read_manifest
from dmldata.verify import Problem, verify
from dmlgen.publish.privacy import private_problems
from dmlgen.publish.stores import Say, Store
from dmlgen.publish.versions import version_problem
from dmlgen.rendering.assemble import NO_LICENSE


class Publication(NamedTuple):
    """What goes where.

    Attributes:
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


def problems_of(folder: Path, progress: Report | None = None) -> list[Problem]:
    """All that keeps a dataset from being published: what `verify` finds, missing rights, and what
    would tell of the machine that made it.

    Raises:
        InputError, DatasetError: no dataset there.
    """
    found = verify(folder, progress)
    if found:
        return found
    manifest = open_dataset(str(folder)).manifest
    return [*_rights(manifest), *private_problems(folder)]


def _rights(manifest: Manifest) -> list[Problem]:
    """Licences that are not known, and credits that do not allow the dataset's."""
    found = []
    if manifest.license == NO_LICENSE:
        what = "the licence of a car in the pictures is not known; say it in its car.yaml"
        found.append(Problem(MANIFEST_FILE, what))
    for credit in manifest.credits:
        if "-ND" in credit.license:
            what = f"credit '{credit.id}': {credit.license} allows no pictures of the work"
            found.append(Problem(MANIFEST_FILE, what))
        for term in ("-NC", "-SA"):
            if term in credit.license and term not in manifest.license:
                found.append(
                    Problem(
                        MANIFEST_FILE,
                        f"licence {manifest.license}: credit '{credit.id}' is under "
                        f"{credit.license}, so it has to have {term.strip('-')} as well",
                    )
                )
    return found


def plan_publication(folder: Path, store: Store) -> Publication:
    """Compares a dataset with what is there already.

    Raises:
        InputError: something else is there, or the version has to be another.
    """
    manifest = open_dataset(str(folder)).manifest
    files = sorted(
        (path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")),
        key=lambda path: (path.name == MANIFEST_FILE, path.name),
    )
    there, before = store.files(), store.read(MANIFEST_FILE)
    if before is not None:
        try:
            problem = version_problem(read_manifest(before), manifest)
        except DatasetError as error:
            raise InputError(f"{store.name}: holds another kind of dataset: {error}") from None
        if problem:
            raise InputError(f"{store.name}: {problem}")
    gone = sorted(there - {file.name for file in files}) if before is not None else []
    new = [file.name for file in files if file.name not in there or not store.holds(file)]
    return Publication(manifest, files, new, [name for name in gone if name.endswith(".tar")])


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


def set_version(folder: Path, version: str) -> None:
    """Gives a dataset another version: in its manifest and in its card.

    Raises:
        InputError: no version.
    """
    dataset = open_dataset(str(folder))
    document = dataset.manifest.model_dump(mode="json") | {"version": version}
    try:
        manifest = read_manifest(json.dumps(document))
    except DatasetError:
        raise InputError(f"--version {version}: has to be like 1.0.0") from None
    write_card(folder, manifest, dataset.samples)
    write_whole(folder / MANIFEST_FILE, manifest.to_json())
