"""Open the image source that `--data` names."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from dmlbench.sources.cars196 import is_cars196, read_cars196
from dmlbench.sources.class_folders import is_class_folders, read_class_folders
from dmlbench.sources.csv_folder import LABEL_FILES, find_label_file, read_csv_folder
from dmlbench.sources.cub200 import is_cub200, read_cub200
from dmlbench.sources.decode import is_image
from dmlbench.sources.labeled import labeled_images
from dmlbench.sources.listing import Listing
from dmlbench.sources.online_products import is_online_products, read_online_products
from dmlbench.sources.property_file import PropertySpec, read_property_file
from dmlbench.sources.protocol import ImageSource
from dmlbench.sources.shards import read_shards
from dmlbench.sources.splits import SPLITS, check_split
from dmldata.common.errors import DatasetError, FieldError, InputError
from dmldata.common.files import read_file
from dmldata.common.strict import parse_plain_json
from dmldata.contract.manifest import MANIFEST_FILE
from dmldata.contract.samples import SAMPLES_FILE
from dmldata.dataset import open_dataset
from dmldata.locate import locate

BENCHMARKS: tuple[tuple[Callable[[Path], bool], Callable[[Path, str], Listing]], ...] = (
    (is_cars196, read_cars196),
    (is_cub200, read_cub200),
    (is_online_products, read_online_products),
)
"""For each benchmark dataset of metric learning: whether a folder holds it, and its reader."""

ALL = "all"
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".parquet")
_CLASS = ("class",)
"""The property that is categorical whatever its values."""

VALID = (
    f"a dataset of this project ({MANIFEST_FILE}), tar shards of a WebDataset, images with "
    f"{', '.join(LABEL_FILES)} or --labels, a folder per class, "
    "Cars196 (cars_annos.mat or devkit/cars_meta.mat), "
    "CUB-200-2011 (images.txt) or Stanford Online Products (Ebay_test.txt)"
)


def open_source(
    url: str | os.PathLike[str],
    *,
    split: str | None = None,
    labels: str | None = None,
    properties: str | None = None,
    default_split: str | None = None,
) -> ImageSource:
    """Open an image source, whose layout is recognized by its files.

    Args:
        url: a dataset of this project, as in `dmldata.locate.locate`; tar files as `DIR/*.tar`,
            `DIR/{000..012}.tar` or URLs of this form, or a folder of them; a folder of images; any
            of these on the Hub.
        split: for Cars196, CUB-200-2011 and Stanford Online Products 'test' (the classes that
            models are not trained on in metric learning; the default), 'train' or 'all'; for a
            dataset of this project one of its splits or 'all' (the default).
        labels: table of the labels of a folder of images; by default the one in the folder.
        properties: file that describes the properties; see `property_file`.
        default_split: split to use by default instead of these, in sources that have it.

    Raises:
        InputError: there is no known source at this place, or an option does not apply to it.
        DatasetError: the source is damaged, incomplete or not safe.

    >>> source = open_source("package:sample")
    >>> len(source), source.has_masks
    (64, True)
    """
    url = os.fspath(url)
    try:
        url.encode()
    except UnicodeEncodeError:
        raise InputError(f"{url!a}: its name is not UTF-8; rename it") from None
    arguments = {"split": split, "labels": labels, "properties": properties}
    options = {name: value for name, value in arguments.items() if value is not None}
    place, image = _split_image(url)
    if place.endswith(".tar") and not Path(place).is_dir():
        _check_options(url, options, "tar shards", "properties")
        return _labeled(read_shards(place, image), url, options, categorical=_CLASS)
    if image is not None:
        folder = Path(place)
        if not any(folder.glob("*.tar")):
            raise InputError(f"{url}: ?image= needs tar shards, but there are none in {place}")
        return _labeled(read_shards(f"{folder}/*.tar", image), url, options, categorical=_CLASS)
    _refuse_file(Path(url))
    location = locate(url)
    url, folder = location.url, Path(location.place)
    if labels is not None and folder.is_dir():
        _check_options(url, options, "images with a CSV file", "labels", "properties")
        listing = read_csv_folder(folder, Path(labels), _categorical(options))
        return _labeled(listing, url, options, categorical=_CLASS)
    if not folder.is_dir() or _is_ours(folder):
        dataset = open_dataset(location)
        _check_options(url, options, "a dataset of this project", "split")
        has_default = default_split in dataset.manifest.splits
        chosen = split or (default_split if has_default else None) or ALL
        return dataset if chosen == ALL else open_dataset(location, split=chosen)
    source = _open_layout(folder, url, options, default_split)
    if source is not None:
        return source
    if (folder / MANIFEST_FILE).is_file():
        return open_dataset(location)
    stray = next((path.name for path in sorted(folder.iterdir()) if is_image(path.name)), None)
    if stray is not None and any(path.is_dir() for path in folder.iterdir()):
        raise DatasetError(
            f"{url}: {stray} lies beside folders; valid: a folder per class and no image beside "
            "them, or a table with the labels of all images"
        )
    raise DatasetError(f"{url}: no {MANIFEST_FILE} and no other known layout; valid: {VALID}")


def _open_layout(
    folder: Path, url: str, options: dict[str, str], default_split: str | None
) -> ImageSource | None:
    """Open a folder in a layout of others, whatever a manifest says; None if it has none."""
    for is_benchmark, read in BENCHMARKS:
        if is_benchmark(folder):
            _check_options(url, options, "this dataset", "split", "properties")
            if "split" in options:
                check_split(options["split"])
            elif default_split in SPLITS:
                options["split"] = default_split
            listing = read(folder, options.get("split", "test"))
            return _labeled(listing, url, options, categorical=listing.labels)
    label_file = find_label_file(folder)
    if label_file is not None:
        _check_options(url, options, "images with a CSV file", "labels", "properties")
        listing = read_csv_folder(folder, label_file, _categorical(options))
        return _labeled(listing, url, options, categorical=_CLASS)
    if (folder / SAMPLES_FILE).is_file():
        raise DatasetError(
            f"{url}: {MANIFEST_FILE} is missing, but {SAMPLES_FILE} exists: an incomplete dataset "
            "of dmlgen; valid: a folder with all of its files"
        )
    if any(folder.glob("*.tar")):
        _check_options(url, options, "tar shards", "properties")
        return _labeled(read_shards(f"{folder}/*.tar"), url, options, categorical=_CLASS)
    if is_class_folders(folder):
        _check_options(url, options, "a folder per class", "properties")
        return _labeled(read_class_folders(folder), url, options, categorical=_CLASS)
    return None


def _split_image(url: str) -> tuple[str, str | None]:
    """Split a URL into the URL without `?image=`, and the extension after it.

    >>> _split_image("DIR/*.tar?image=left.jpg"), _split_image("s3://b/a?b.tar")
    (('DIR/*.tar', 'left.jpg'), ('s3://b/a?b.tar', None))
    """
    place, mark, image = url.rpartition("?image=")
    return (place, image.lower()) if mark else (url, None)


def _refuse_file(path: Path) -> None:
    """Raise an InputError that explains what to use instead if a file is named, not a folder."""
    if not path.is_file():
        return
    if path.suffix.lower() in _TABLES:
        raise InputError(
            f"{path}: is a table; valid: the folder of its images, with --labels {path} where the "
            "table lies elsewhere"
        )
    if zipfile.is_zipfile(path):
        raise InputError(f"{path}: is a zip archive; unpack it and give the folder")
    if is_image(path.name):
        raise InputError(f"{path}: is one image; valid: the folder of the images")


def _is_ours(folder: Path) -> bool:
    """Return whether a folder's dataset.json is a manifest of this project.

    Other datasets may have a file of that name, too.
    """
    file = folder / MANIFEST_FILE
    if not file.is_file():
        return False
    try:
        content = parse_plain_json(read_file(file), file.name)
    except (OSError, DatasetError):
        return True
    if isinstance(content, dict) and "schema_version" in content:
        return True
    return find_label_file(folder) is None and not is_class_folders(folder)


def _categorical(options: dict[str, str]) -> list[str]:
    """Return the properties that are not numeric: the class, if the property file says nothing
    else of it, and those that it declares."""
    property_file = options.get("properties")
    specs = {} if property_file is None else read_property_file(property_file)
    declared = [name for name, spec in specs.items() if spec.kind in ("categorical", "ignore")]
    return [*declared, *(name for name in _CLASS if name not in specs)]


def _check_options(url: str, options: dict[str, str], what: str, *valid: str) -> None:
    for name in options:
        if name not in valid:
            known = ", ".join(valid) or "none of these options"
            raise FieldError(
                {name: options[name]}, f"does not apply, as {url} is {what}; valid with it: {known}"
            )


def _labeled(
    listing: Listing, url: str, options: dict[str, str], *, categorical: Iterable[str] = ()
) -> ImageSource:
    property_file = options.get("properties")
    specs = {} if property_file is None else read_property_file(property_file)
    known = {
        name: PropertySpec(kind="categorical") for name in categorical if name in listing.labels
    }
    specs = known | specs
    return labeled_images(listing, specs, url, options)
