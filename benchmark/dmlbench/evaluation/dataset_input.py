"""Read from a dataset what both steps need: properties, scenes, and whether it suits the model."""

from __future__ import annotations

from collections.abc import Iterator

from dmlbench.models import LoadedModel, StoredEmbeddings
from dmlbench.models.plausibility import IMAGES, check_pixels
from dmlbench.results.files import CLASSES
from dmlbench.scores import Property
from dmlbench.scores.labels import lowest_of_bin
from dmlbench.sources import ImageSource
from dmldata.common.errors import UnknownNameError
from dmldata.contract.manifest import Manifest

SCENES = "scene_id"


def input_notes(loaded: LoadedModel, dataset: ImageSource) -> Iterator[str]:
    """Yield notes on how this model reads this dataset."""
    if loaded.no_maps is not None:
        yield f"no saliency maps: {loaded.no_maps}"
    yield from _known_classes(loaded, dataset)
    if isinstance(loaded, StoredEmbeddings):
        return
    keys = dataset.samples["key"].to_pylist()[:IMAGES]
    items = dataset.samples_iter(keys=keys, with_mask=False)
    warning = check_pixels(loaded.preprocessing, (item.image for item in items))
    if warning is not None:
        yield f"{warning}; check --mean, --std and --scale"


def _known_classes(loaded: LoadedModel, dataset: ImageSource) -> Iterator[str]:
    """Yield a note if the model was trained on classes of the dataset."""
    label = next((key for key in CLASSES if key in dataset.manifest.varied), None)
    if label is None or not loaded.classes:
        return
    present = {str(value) for value in dataset.values(label) if value is not None}
    known = present & set(loaded.classes)
    if known:
        yield (
            f"the model was trained on {len(known)} of the {len(present)} classes ({label}) of "
            "these images: scores of unseen classes need others, such as those of --split test"
        )


def dataset_properties(
    dataset: ImageSource, only: tuple[str, ...] | None = None
) -> dict[str, Property]:
    """Return the properties that vary, by key; images that one does not apply to have no label.

    Args:
        only: keys to return; None for all that vary.

    Raises:
        UnknownNameError: a key of `only` does not vary.
    """
    varied = dataset.manifest.varied
    properties = {}
    for key in varied if only is None else only:
        if key not in varied:
            raise UnknownNameError("property", key, varied)
        factor, values = dataset.manifest.factor(key), dataset.values(key)
        if factor.is_numeric:
            labels = lowest_of_bin(values, dataset.labels(key))
            properties[key] = Property(labels, factor.kind, values, factor.period, factor.unit)
        else:
            properties[key] = Property(values, factor.kind)
    return properties


def swept_factors(dataset: ImageSource) -> dict[str, Property]:
    """Return the factors that a sweep changes, by key; none in other designs."""
    manifest = dataset.manifest
    swept = manifest.swept if isinstance(manifest, Manifest) else ()
    return dataset_properties(dataset, swept)


def scene_ids(dataset: ImageSource) -> list[int] | None:
    """Return the scene of each image, [N], if scenes have several images; None in other designs."""
    if dataset.manifest.design == "independent" or SCENES not in dataset.samples.column_names:
        return None
    scenes: list[int] = dataset.samples[SCENES].to_pylist()
    return scenes
