"""The formats of exports, declared once; each is written by the module of its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from dmldata.contract.samples import Row
    from dmldata.contract.shards import Sample
    from dmldata.dataset import Dataset

DEFAULT_LABEL = "car_model"


class Content(NamedTuple):
    """What a writer put into a folder.

    Attributes:
        images: number of images in it.
        files: Markdown that says what the files are.
        loading: Markdown that shows how to load them.
        header: entries for the YAML header of README.md.
    """

    images: int
    files: str
    loading: str
    header: Mapping[str, object]


class Writer(Protocol):
    """Writes a dataset in one format into an empty folder.

    Args:
        samples: all samples with their rows; to be consumed once, from first to last.
        label: factor that images are sorted into classes by; only some formats have classes.
    """

    def __call__(
        self, dataset: Dataset, folder: Path, samples: Iterator[tuple[Sample, Row]], label: str, /
    ) -> Content: ...


class Format(NamedTuple):
    """A format that datasets are exported to.

    Attributes:
        name: its name for `--to`, and of the module that writes it.
        title: what reads it, in a phrase.
        needs_masks: whether only datasets with masks can be exported.
        has_classes: whether images are sorted into classes by a label.
        reserved: names of its own fields, which no factor may have.
    """

    name: str
    title: str
    needs_masks: bool
    has_classes: bool
    reserved: frozenset[str]

    def writer(self) -> Writer:
        """Return the function that writes it."""
        return cast(Writer, import_module(f"dmldata.export.{self.name}").write)


_DECLARATIONS = (
    Format(
        "coco",
        "boxes and masks for pycocotools and what builds on it",
        needs_masks=True,
        has_classes=False,
        reserved=frozenset({"id", "width", "height", "file_name", "license"}),
    ),
    Format(
        "imagefolder",
        "class folders for torchvision, timm, Hugging Face",
        needs_masks=False,
        has_classes=True,
        reserved=frozenset({"file_name"}),
    ),
    Format(
        "parquet",
        "tables with images for Hugging Face and pandas",
        needs_masks=False,
        has_classes=False,
        reserved=frozenset({"image", "mask", "depth", "normal"}),
    ),
    Format(
        "fiftyone",
        "boxes, masks and fields for FiftyOne",
        needs_masks=True,
        has_classes=False,
        reserved=frozenset(
            {"id", "filepath", "tags", "metadata", "media_type", "created_at", "last_modified_at"}
            | {"objects", "parts"}
        ),
    ),
)
FORMATS = {format_.name: format_ for format_ in _DECLARATIONS}
"""The formats by name."""
