"""dataset.json: what a dataset is, how it was made, and the digests of its files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dmldata.common.errors import DatasetError, UnknownNameError
from dmldata.common.strict import StrictModel, parse_json, parse_plain_json
from dmldata.contract.factors import Factor

MANIFEST_FILE = "dataset.json"
SCHEMA_VERSION: Literal["1.0"] = "1.0"
MAX_SIDE = 8192
SHARD_NAME = r"^[a-z][a-z0-9_]*-[0-9]{6}\.tar$"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, Field(pattern=r"^[^\r\n]+$")]
SplitName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Pixels = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class Credit(StrictModel):
    """Somebody's work that stands in the pictures.

    Attributes:
        id: what `credits_id` of a sample refers to; no ';'.
        license: SPDX identifier.
        license_url: where the licence can be read.
        source: where the work was taken from.
        changes: what was changed; empty when nothing was.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: Line
    author: Line
    license: Line
    license_url: Line
    source: Line
    changes: str = ""


class Shard(StrictModel):
    """One tar file: `images` samples of one split."""

    file: str = Field(pattern=SHARD_NAME)
    split: SplitName
    images: int = Field(ge=1)
    bytes: int = Field(ge=1)
    sha256: Sha256

    @model_validator(mode="after")
    def _check(self) -> Shard:
        if self.file.rpartition("-")[0] != self.split:
            raise ValueError(f"file '{self.file}' is not named after its split '{self.split}'")
        return self


class SetAside(StrictModel):
    """An image of the plan that could not be rendered, and why."""

    key: str
    why: Line


class Samples(StrictModel):
    """samples.parquet: its length and digest."""

    bytes: int = Field(ge=1)
    sha256: Sha256


class Manifest(StrictModel):
    """The whole of dataset.json.

    Attributes:
        license: SPDX identifier of the dataset as a whole.
        recipe: the whole recipe that the plan was drawn from.
        design: 'independent' (every factor drawn on its own) or 'sweep' (a scene rendered several
            times with only one group of factors changed).
        sweep_group: the group that a sweep changes; None in an independent dataset.
        varied: keys of the factors with more than one value, in the order of `factors`.
        image_size: width and height in pixels, the same for all images and masks.
        sample_files: extensions of the files that every sample has, in their order in a shard.
        splits: images per split.
        set_aside: images of the plan that the dataset lacks.
        versions: of the packages and the renderer that made it.
        engine: settings of the renderer.
        description, url, date, creator: for people; `date` is the maker's (YYYY-MM-DD).
    """

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$")
    license: Line
    description: str = ""
    url: str | None = None
    date: str | None = Field(default=None, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    creator: Line = "dml-prism"
    credits: tuple[Credit, ...]
    recipe: dict[str, Any]
    seed: int
    design: Literal["independent", "sweep"]
    sweep_group: str | None = None
    varied: tuple[str, ...]
    image_size: tuple[Pixels, Pixels]
    sample_files: tuple[Literal["jpg", "png", "mask.png", "depth.png", "json"], ...]
    factors: tuple[Factor, ...]
    splits: dict[SplitName, Annotated[int, Field(ge=1)]]
    shards: tuple[Shard, ...]
    samples: Samples
    set_aside: tuple[SetAside, ...] = ()
    versions: dict[str, str]
    engine: dict[str, Any]

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        _unique("factors", [factor.key for factor in self.factors])
        _unique("credits", [credit.id for credit in self.credits])
        _unique("shards", [shard.file for shard in self.shards])
        _check_sweep(self.design, self.sweep_group, self.factors)
        varied = tuple(factor.key for factor in self.factors if factor.varies)
        if self.varied != varied:
            raise ValueError(f"varied: has to name the factors with several values: {varied}")
        counted: Counter[str] = Counter()
        for shard in self.shards:
            counted[shard.split] += shard.images
        if dict(counted) != self.splits:
            raise ValueError(f"splits: {self.splits}, but the shards hold {dict(counted)}")
        return self

    @property
    def images(self) -> int:
        """Images in all splits."""
        return sum(self.splits.values())

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that depend on the content only: on the digests of shards and samples."""
        digests = [shard.sha256 for shard in self.shards] + [self.samples.sha256]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]

    def factor(self, key: str) -> Factor:
        """The factor of that key.

        Raises:
            UnknownNameError: no such factor; lists those there are.
        """
        by_key = {factor.key: factor for factor in self.factors}
        if key not in by_key:
            raise UnknownNameError("factor", key, by_key, where=self.name)
        return by_key[key]

    def to_json(self) -> bytes:
        """The bytes of dataset.json: the same manifest always gives the same bytes."""
        document = self.model_dump(mode="json")
        return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_manifest(data: bytes | str, where: str = MANIFEST_FILE) -> Manifest:
    """Parse and check dataset.json.

    Raises:
        DatasetError: one line that names the file, the field and the reason; a schema version that
            this package does not read is refused with the one it does.
    """
    document = parse_plain_json(data, where)
    if isinstance(document, dict):
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise DatasetError(
                f"{where}: schema_version {json.dumps(version)} is not supported; "
                f'supported: "{SCHEMA_VERSION}"'
            )
    return parse_json(Manifest, data, where)


def _unique(field: str, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{field}: '{twice[0]}' occurs more than once")


def _check_sweep(design: str, group: str | None, factors: tuple[Factor, ...]) -> None:
    if (design == "sweep") != (group is not None):
        raise ValueError("sweep_group: given exactly when design is 'sweep'")
    groups = sorted({factor.group for factor in factors})
    if group is not None and group not in groups:
        raise ValueError(f"sweep_group: no factor is of group '{group}'; groups: {groups}")
