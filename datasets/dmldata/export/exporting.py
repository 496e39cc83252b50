"""Export a dataset: open it, write it in another format, with its card, license and credits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from dmldata.card.attribution import citation_text, credits_text, license_text
from dmldata.card.hub import content_metadata
from dmldata.card.readme import card_text
from dmldata.common.errors import DatasetError, FieldError, InputError, UnknownNameError
from dmldata.common.files import atomic_folder
from dmldata.common.progress import Progress
from dmldata.contract.decode import check_header
from dmldata.contract.manifest import MANIFEST_FILE
from dmldata.contract.samples import SAMPLES_FILE, Row
from dmldata.contract.shards import Sample
from dmldata.dataset import Dataset, open_dataset
from dmldata.export.formats import DEFAULT_LABEL, FORMATS, Content, Format


class Exported(NamedTuple):
    """How many images an export has, and how many have no label and were left out."""

    images: int
    left_out: int


def export_dataset(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    to: str,
    label: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a dataset into a new folder, in a format that other tools read.

    Images and masks are copied byte by byte. The same dataset gives the same bytes (under one
    version of pyarrow). README.md, LICENSE, CREDITS.md and CITATION.cff are in the folder, too.

    Args:
        source: a folder, a URL, or the name of a set, as for `dmldata.open_dataset`.
        out: folder to write; it appears under its name when it is complete.
        to: name of the format, one of `FORMATS`.
        label: factor that a format with classes sorts the images by; 'car_model' if None. Images
            that it does not apply to are left out.
        progress: called as ('export', images done, total images).

    Raises:
        UnknownNameError: there is no such format or factor.
        InputError: `out` is not new or empty; the dataset has no masks, but the format needs them;
            a label is given for a format without classes, or applies to no image.
        DatasetError: a file of the dataset is missing, altered or not valid.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_dataset("sample", f"{folder}/cars", to="imagefolder")
    ...     sorted(path.name for path in Path(folder, "cars", "test").iterdir())
    Exported(images=64, left_out=0)
    ['VW-new-beetle', 'chevrolet', 'fordFocus', 'renault-scenic']
    """
    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS)
    target = FORMATS[to]
    if label is not None and not target.has_classes:
        valid = ", ".join(name for name in FORMATS if FORMATS[name].has_classes)
        raise FieldError({"label": label}, f"format '{to}' has no classes; valid with: {valid}")
    dataset = open_dataset(source)
    _check(dataset, target)
    with atomic_folder(out) as folder:
        samples = _checked_samples(dataset, progress)
        content = target.writer()(dataset, folder, samples, label or DEFAULT_LABEL)
        for name, text in _card(dataset, target, content).items():
            (folder / name).write_text(text, "utf-8")
    return Exported(content.images, len(dataset) - content.images)


def _check(dataset: Dataset, target: Format) -> None:
    if target.needs_masks and not dataset.has_masks:
        valid = ", ".join(name for name in FORMATS if not FORMATS[name].needs_masks)
        raise InputError(
            f"{dataset.url}: has no masks, which format '{target.name}' needs; valid: {valid}"
        )
    for factor in dataset.manifest.factors:
        if factor.key in target.reserved:
            raise InputError(
                f"{dataset.url}: factor '{factor.key}' has the name of a field of format "
                f"'{target.name}'"
            )
    if len(set(dataset.samples["key"].to_pylist())) < len(dataset):
        raise DatasetError(f"{SAMPLES_FILE}: a key occurs more than once")


def _checked_samples(dataset: Dataset, progress: Progress | None) -> Iterator[tuple[Sample, Row]]:
    """Yield the samples after a check of their files and of the headers of their pictures."""
    manifest = dataset.manifest
    for done, (sample, row) in enumerate(dataset.encoded_samples(), 1):
        where = f"{row['shard']}: {sample.key}"
        if set(sample.files) != set(manifest.sample_files):
            stated = list(manifest.sample_files)
            raise DatasetError(
                f"{where}: has files {list(sample.files)}, {MANIFEST_FILE} says {stated}"
            )
        for extension, data in sample.files.items():
            if extension != "json":
                check_header(data, extension, manifest.image_size, f"{where}.{extension}")
        yield sample, row
        if progress:
            progress("export", done, len(dataset))


def _share(exported: int, images: int) -> str:
    if exported == images:
        return ""
    return f": {exported:,} of its {images:,} images, those that the label applies to"


def _card(dataset: Dataset, target: Format, content: Content) -> dict[str, str]:
    manifest = dataset.manifest
    header = content_metadata(manifest, content.images, target.name)
    return {
        "README.md": card_text(
            manifest,
            dataset.samples,
            header={**header, **content.header},
            introduction=f"Exported by `dmlgen export --to {target.name}` from the dataset with "
            f"the fingerprint `{dataset.fingerprint}`{_share(content.images, len(dataset))}.",
            files=content.files,
            loading=content.loading,
        ),
        "LICENSE": license_text(manifest),
        "CREDITS.md": credits_text(manifest),
        "CITATION.cff": citation_text(manifest),
    }
