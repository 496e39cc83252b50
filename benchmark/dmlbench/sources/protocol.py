"""What the benchmark asks of whatever it takes images from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from dmldata.dataset import Item

if TYPE_CHECKING:
    import pyarrow as pa


class DescribedProperty(Protocol):
    """A property of the images; `dmldata.contract.factors.Factor` is one."""

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> Literal["categorical", "linear", "cyclic"]: ...
    @property
    def unit(self) -> str: ...
    @property
    def period(self) -> float | None: ...
    @property
    def is_numeric(self) -> bool: ...


class Description(Protocol):
    """What a source says of itself; `dmldata.contract.manifest.Manifest` is one.

    Attributes:
        design: "independent" or "sweep" where properties were controlled, else "observed".
        sweep_group: what a sweep changed.
        varied: keys of the properties, in order.
        image_size: width and height where all images share one, else None.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def images(self) -> int: ...
    @property
    def image_size(self) -> tuple[int, int] | None: ...
    @property
    def design(self) -> str: ...
    @property
    def sweep_group(self) -> str | None: ...
    @property
    def varied(self) -> tuple[str, ...]: ...
    def factor(self, key: str) -> DescribedProperty: ...


PATH_OPTIONS = ("labels", "properties")
"""Those of `ImageSource.options` that are files."""


def without_folders(options: Mapping[str, str]) -> dict[str, str]:
    """Return how a source was opened, for a file that others get: of paths the last part."""
    return {
        name: Path(value).name if name in PATH_OPTIONS else value for name, value in options.items()
    }


class ImageSource(Protocol):
    """Images with labels, in one defined order; `dmldata.Dataset` is one.

    Attributes:
        url: where it is, as given.
        samples: a row an image: `key`, and a column a property.
        has_masks: whether every image has a mask of its parts.
        notes: what a reader of the results has to know.
        options: how else it was opened, besides `url`; see `sources.open_source`.
    """

    @property
    def url(self) -> str: ...
    @property
    def manifest(self) -> Description: ...
    @property
    def samples(self) -> pa.Table: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def has_masks(self) -> bool: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def options(self) -> Mapping[str, str]: ...

    def __len__(self) -> int: ...

    def values(self, factor: str) -> np.ndarray:
        """[N]: float64 with NaN for 'none', or object (str) with None."""

    def labels(self, factor: str) -> np.ndarray:
        """int32 [N], the bin of each value; -1 for 'none'."""

    def samples_iter(
        self, *, keys: Collection[str] | None = None, with_mask: bool = True
    ) -> Iterator[Item]:
        """Decoded images in the order of `samples`; all, or those of `keys`."""
