"""The protocol of image sources: what the benchmark needs from a dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

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
    """The description of a source; `dmldata.contract.manifest.Manifest` is one.

    Attributes:
        design: "independent" or "sweep" if properties were controlled, else "observed".
        sweep_group: the group of factors that a sweep changed; None if there was no sweep.
        varied: keys of the properties, in order.
        image_size: (width, height) in pixels if it is the same for all images, else None.
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
"""The `ImageSource.options` whose values are paths of files."""


def without_folders(options: Mapping[str, str]) -> dict[str, str]:
    """Return a source's options with file names in place of paths, for files that are shared."""
    return {
        name: Path(value).name if name in PATH_OPTIONS else value for name, value in options.items()
    }


class ImageSource(Protocol):
    """Images with labels, in one defined order; `dmldata.Dataset` is one.

    Attributes:
        url: location of the source, as specified by the user.
        samples: one row per image, with a column `key` and one column per property.
        has_masks: whether every image has a part mask.
        notes: notes for the readers of the results.
        options: the options it was opened with in addition to `url`; see `sources.open_source`.
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

    def values(self, factor: str) -> NDArray[Any]:
        """Return the values [N]: float64 with NaN for no value, or object (str) with None."""

    def labels(self, factor: str) -> NDArray[np.int32]:
        """Return the bin of each value, int32 [N]; -1 for no value."""

    def samples_iter(
        self, *, keys: Collection[str] | None = None, with_mask: bool = True
    ) -> Iterator[Item]:
        """Yield decoded images in the order of `samples`: all, or only those of `keys`."""
