"""Write a dataset: shards, samples.parquet, card, checksums, and dataset.json last."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from dmldata.card.write import CARD_FILES, write_card
from dmldata.common.errors import InputError
from dmldata.common.files import names_in, write_atomic
from dmldata.common.progress import Progress
from dmldata.common.strict import explain
from dmldata.contract.decode import size_of
from dmldata.contract.factors import Factor
from dmldata.contract.layout import ShardPlan, shard_layout, typed_first
from dmldata.contract.manifest import (
    MANIFEST_FILE,
    MAX_SIDE,
    Credit,
    Manifest,
    Samples,
    SetAside,
    Shard,
)
from dmldata.contract.samples import (
    NULLABLE,
    SAMPLES_FILE,
    Row,
    sample_json,
    samples_table,
    write_samples,
)
from dmldata.contract.shards import EXTENSIONS, write_shard
from dmldata.contract.tar import IMAGE_EXTENSIONS, MAPS

SampleFiles = Callable[[str], Mapping[str, bytes]]
"""Maps a key to the bytes of its files: 'jpg' or 'png', 'mask.png', and others of `MAPS`."""


@dataclass(frozen=True)
class DatasetFacts:
    """What a manifest says that does not follow from the files of the dataset.

    Attributes:
        name: lower case, also the name of its folder on hubs.
        version: as in semantic versioning.
        license: SPDX identifier of the dataset as a whole.
        credits: works that the pictures show; `credits_id` of every row names some of them.
        recipe: the complete recipe that the plan was drawn from, valid in JSON.
        seed: seed of the plan.
        design: 'independent' or 'sweep', as in `Manifest`.
        factors: columns of the rows that hold values of factors, and labels.
        versions: versions of the packages and the renderer, by name.
        engine: settings of the renderer, valid in JSON.
        own_files: digests of the files of the maker's own cars, places and surfaces.
        sweep_group: group of factors that a sweep changes; None unless design is 'sweep'.
        description, url, creator: information for readers.
        date: YYYY-MM-DD.
        set_aside: images of the plan that the dataset lacks.
    """

    name: str
    version: str
    license: str
    credits: tuple[Credit, ...]
    recipe: Mapping[str, object]
    seed: int
    design: Literal["independent", "sweep"]
    factors: tuple[Factor, ...]
    versions: Mapping[str, str]
    engine: Mapping[str, object]
    sweep_group: str | None = None
    description: str = ""
    url: str | None = None
    date: str | None = None
    creator: str = "dml-prism"
    set_aside: tuple[SetAside, ...] = ()
    own_files: Mapping[str, str] = field(default_factory=dict)


_MARK = ".writing"


def write_dataset(
    folder: str | os.PathLike[str],
    facts: DatasetFacts,
    rows: Sequence[Row],
    sample_files: SampleFiles,
    *,
    images_per_shard: int,
    progress: Progress | None = None,
) -> Manifest:
    """Write a whole dataset; the same arguments give the same bytes.

    dataset.json is written last: a folder that holds it is complete. Files of an interrupted call
    are written again; a mark, `.writing`, tells them from those of others. Hidden files (names
    that start with a dot) are ignored.

    Args:
        folder: folder of the dataset; made if missing.
        rows: one row per image, already in random order, which is kept except for the rows that
            `typed_first` moves; columns as in `dmldata.contract.samples`, without 'shard'.
        sample_files: called once per image, in the order of the shards.
        images_per_shard: maximum number of images per shard; see `images_per_shard_for`.
        progress: called as ('write shards', images done, total images).

    Returns:
        The content of dataset.json.

    Raises:
        InputError: the folder holds another dataset or unexpected files (nothing is overwritten),
            there are no rows, or rows or files break the contract.
    """
    folder = Path(folder)
    if not rows:
        raise InputError(f"{folder}: a dataset needs at least one image")
    rows = [
        rows[number] for number in typed_first(rows, [*(f.key for f in facts.factors), *NULLABLE])
    ]
    layout = shard_layout([_split_of(row) for row in rows], images_per_shard)
    _check_folder(folder, {shard.file for shard in layout})
    table = samples_table(_placed(rows, layout), facts.factors)
    _check_credits(table["credits_id"].to_pylist(), facts.credits)
    draft = _draft(layout, facts)
    contents = _Contents(sample_files, len(rows), progress)
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / _MARK
    mark.touch()
    shards: list[Shard] = []
    start = 0
    for plan in layout:
        part = table.slice(start, len(plan.rows)).to_pylist()
        start += len(part)
        shards.append(write_shard(folder / plan.file, contents.of(part)))
    manifest = draft.model_copy(
        update={
            "image_size": contents.size,
            "sample_files": tuple(e for e in EXTENSIONS if e in contents.extensions | {"json"}),
            "shards": tuple(shards),
            "samples": write_samples(folder / SAMPLES_FILE, table),
        }
    )
    write_card(folder, manifest, table)
    write_atomic(folder / MANIFEST_FILE, manifest.to_json())
    mark.unlink()
    return manifest


class _Contents:
    """Yields the files of each sample with its json, and checks that all pictures have one size."""

    def __init__(self, sample_files: SampleFiles, total: int, progress: Progress | None) -> None:
        self.sample_files = sample_files
        self.total = total
        self.progress = progress
        self.done = 0
        self.size = (0, 0)
        self.extensions: set[str] = set()

    def of(self, rows: list[Row]) -> Iterator[tuple[str, dict[str, bytes]]]:
        for row in rows:
            key = row["key"]
            files = dict(self.sample_files(key))
            self._check(key, files)
            yield key, files | {"json": sample_json(row)}
            self.done += 1
            if self.progress:
                self.progress("write shards", self.done, self.total)

    def _check(self, key: str, files: dict[str, bytes]) -> None:
        if "mask.png" not in files:
            raise InputError(f"sample '{key}': mask.png is missing, has {sorted(files)}")
        self.extensions = self.extensions or set(files)
        if set(files) != self.extensions:
            raise InputError(
                f"sample '{key}' has files {sorted(files)}, those before it "
                f"{sorted(self.extensions)}"
            )
        for extension in (*IMAGE_EXTENSIONS, *MAPS):
            if extension not in files:
                continue
            size = size_of(files[extension], extension, f"{key}.{extension}")
            if max(size) > MAX_SIDE:
                raise InputError(f"{key}.{extension}: size {size}, the longest side is {MAX_SIDE}")
            self.size = size if self.size == (0, 0) else self.size
            if size != self.size:
                raise InputError(f"{key}.{extension}: size {size}, those before it {self.size}")


def _draft(layout: Sequence[ShardPlan], facts: DatasetFacts) -> Manifest:
    """Return the manifest with placeholders for digests, image size and extensions.

    Errors in the manifest are thus raised before any file is written.
    """
    documents = {
        "recipe": _as_json("recipe", facts.recipe),
        "engine": _as_json("engine", facts.engine),
        "versions": dict(facts.versions),
        "own_files": dict(facts.own_files),
    }
    images: Counter[str] = Counter()
    for plan in layout:
        images[plan.split] += len(plan.rows)
    try:
        shards = tuple(
            Shard(file=plan.file, split=plan.split, images=len(plan.rows), bytes=1, sha256="0" * 64)
            for plan in layout
        )
        return Manifest(
            **(vars(facts) | documents),
            varied=tuple(factor.key for factor in facts.factors if factor.varies),
            image_size=(1, 1),
            sample_files=("jpg", "mask.png", "json"),
            splits=dict(images),
            shards=shards,
            samples=Samples(bytes=1, sha256="0" * 64),
        )
    except ValidationError as error:
        raise InputError(f"{MANIFEST_FILE}: {explain(error, Manifest)}") from None


def _as_json(field: str, document: Mapping[str, object]) -> dict[str, object]:
    """Return a document as it will be read back from JSON."""
    try:
        read_back: dict[str, object] = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"{field}: not valid in JSON: {error}") from None
    return read_back


def _check_folder(folder: Path, shards: set[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, a dataset is written into a folder")
    if (folder / MANIFEST_FILE).exists():
        raise InputError(f"{folder}: holds another dataset ({MANIFEST_FILE}); nothing overwritten")
    is_ours = (folder / _MARK).exists()
    expected = shards | {SAMPLES_FILE, *CARD_FILES} if is_ours else set()
    foreign = [
        name for name in names_in(folder) if name not in expected and not name.startswith(".")
    ]
    if foreign:
        raise InputError(f"{folder}: not empty ({foreign[0]}); give a new or empty folder")


def _split_of(row: Row) -> str:
    split = row.get("split")
    if not isinstance(split, str):
        raise InputError(f"row '{row.get('key')}': column 'split' is missing")
    return split


def _placed(rows: Sequence[Row], layout: Sequence[ShardPlan]) -> Iterator[Row]:
    """Yield the rows in the order of the shards, each with its shard."""
    for plan in layout:
        for number in plan.rows:
            yield {**rows[number], "shard": plan.file}


def _check_credits(joined: Sequence[str], credits: Sequence[Credit]) -> None:
    known = {credit.id for credit in credits}
    for ids in set(joined):
        unknown = [name for name in ids.split(";") if name and name not in known]
        if unknown:
            raise InputError(f"credits_id '{unknown[0]}' is not among the credits {sorted(known)}")
