"""The manifest, dataset.json: content of a dataset, how it was made, and digests of its files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cached_property
from typing import Annotated, Literal

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
    """The credit of a work that the pictures show.

    Attributes:
        id: identifier that `credits_id` of a sample refers to; without ';'.
        license: SPDX identifier of the license.
        license_url: address of the license text.
        source: where the work was taken from.
        changes: what was changed in the work; empty if nothing was.
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
    """An image of the plan that could not be rendered, with the reason."""

    key: str
    why: Line


class Samples(StrictModel):
    """Length and digest of samples.parquet."""

    bytes: int = Field(ge=1)
    sha256: Sha256


class Manifest(StrictModel):
    """The content of dataset.json.

    Attributes:
        license: SPDX identifier of the dataset as a whole.
        recipe: the complete recipe that the plan was drawn from.
        design: 'independent' (each factor is drawn independently) or 'sweep' (each scene is
            rendered several times with only one group of factors changed).
        sweep_group: group of factors that a sweep changes; None in an independent dataset.
        varied: keys of the factors with more than one value, in the order of `factors`.
        image_size: width and height in pixels, the same for all images and masks.
        sample_files: extensions of the files of each sample, in their order in a shard.
        splits: number of images per split.
        set_aside: images of the plan that the dataset lacks.
        versions: versions of the packages and the renderer that made it.
        engine: settings of the renderer.
        own_files: the maker's own cars, places and surfaces that the pictures show: digests of
            their files.
        description, url, date, creator: information for readers; `date` is set by the maker
            (YYYY-MM-DD).
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
    recipe: dict[str, object]
    seed: int
    design: Literal["independent", "sweep"]
    sweep_group: str | None = None
    varied: tuple[str, ...]
    image_size: tuple[Pixels, Pixels]
    sample_files: tuple[Literal["jpg", "png", "mask.png", "depth.png", "normal.png", "json"], ...]
    factors: tuple[Factor, ...]
    splits: dict[SplitName, Annotated[int, Field(ge=1)]]
    shards: tuple[Shard, ...]
    samples: Samples
    set_aside: tuple[SetAside, ...] = ()
    versions: dict[str, str]
    engine: dict[str, object]
    own_files: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        _unique("factors", [factor.key for factor in self.factors])
        _unique("credits", [credit.id for credit in self.credits])
        _unique("shards", [shard.file for shard in self.shards])
        _check_sweep(self.design, self.sweep_group, self.factors)
        varied = tuple(factor.key for factor in self.factors if factor.varies)
        if self.varied != varied:
            raise ValueError(f"varied: has to name the factors with several values: {varied}")
        in_shards: Counter[str] = Counter()
        for shard in self.shards:
            in_shards[shard.split] += shard.images
        if dict(in_shards) != self.splits:
            raise ValueError(f"splits: {self.splits}, but the shards hold {dict(in_shards)}")
        return self

    @property
    def images(self) -> int:
        """Return the number of images in all splits."""
        return sum(self.splits.values())

    @property
    def swept(self) -> tuple[str, ...]:
        """Return the keys of the factors that vary in the swept group; empty without a sweep."""
        return tuple(key for key in self.varied if self.factor(key).group == self.sweep_group)

    @property
    def of_car(self) -> tuple[str, ...]:
        """Return the keys of the labels that follow from the car model."""
        labels = self.recipe.get("labels")
        names = {str(name) for name in labels} if isinstance(labels, list | tuple) else set()
        names |= {"unseen_base"} if "seen_base" in names else set()
        names |= {"body_type"} if self.sweep_group == "body_type" else set()
        return tuple(factor.key for factor in self.factors if factor.key in names)

    @cached_property
    def fingerprint(self) -> str:
        """Return 16 hex digits that depend only on the digests of the shards and of the samples."""
        digests = [shard.sha256 for shard in self.shards] + [self.samples.sha256]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]

    def factor(self, key: str) -> Factor:
        """Return the factor with a key.

        Raises:
            UnknownNameError: there is no such factor; lists all factors.
        """
        by_key = {factor.key: factor for factor in self.factors}
        if key not in by_key:
            raise UnknownNameError("factor", key, by_key, where=self.name)
        return by_key[key]

    def to_json(self) -> bytes:
        """Return the bytes of dataset.json; the same manifest always gives the same bytes."""
        document = self.model_dump(mode="json")
        return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_manifest(data: bytes | str, where: str = MANIFEST_FILE) -> Manifest:
    """Parse and check dataset.json.

    Raises:
        DatasetError: the manifest is not valid (names file, field and reason), or its schema
            version is not supported (names the supported one).
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
