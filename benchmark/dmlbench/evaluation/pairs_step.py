"""The step of pairs: pairs.npz and pairs.json, maps of wrong nearest neighbors."""

from __future__ import annotations

from dmlbench.evaluation.dataset_input import dataset_properties, scene_ids
from dmlbench.evaluation.map_images import merge_maps
from dmlbench.evaluation.tasks import DISTANCES, PairTask
from dmlbench.evaluation.workbench import Workbench, changes
from dmlbench.results.blocks import KEYS
from dmlbench.results.files import CLASSES, Neighbor, Pair, PairsFile, PropertiesFile, SaliencyFile
from dmlbench.results.folder import PAIR_MAPS, PAIRS, Maps
from dmlbench.scores import Property
from dmlbench.scores.labels import encode_labels
from dmlbench.scores.wrong_neighbors import wrong_neighbors
from dmlbench.sources.fingerprint import seed_of

COUNT = 4
"""Number of pairs: a few examples to look at, at the price of eight more maps."""


def pairs_step(
    bench: Workbench, properties: PropertiesFile, saliency: SaliencyFile | None
) -> PairsFile | None:
    """Compute the maps of some wrong nearest neighbors, or reuse them.

    Returns:
        The content of pairs.json; None if the model has no maps, if none are requested, if no
        property is one of classes, or if no nearest neighbor is wrong.

    Raises:
        ModelError, DatasetError: the maps cannot be computed.
    """
    if saliency is None:
        return None
    left = bench.read_earlier(PAIRS, bench.folder.read_pairs)
    if left is not None and _fits(bench, left, properties, saliency):
        bench.say(f"pairs: reused ({len(left.pairs)} wrong nearest neighbors)")
        return left
    if bench.settings.maps == 0 or not bench.settings.pairs:
        return None
    if left is not None and left.request != saliency.request:
        bench.say(f"pairs: made again ({changes(left.request, saliency.request)})")
    name = property_of_neighbors(dataset_properties(bench.dataset))
    if name is None:
        return None
    chosen = _choose(bench, name)
    if not chosen:
        bench.say(f"pairs: none: every nearest neighbor has the {name} of its query")
        return None
    return _make(bench, properties, saliency, name, chosen)


def _fits(
    bench: Workbench, left: PairsFile, properties: PropertiesFile, saliency: SaliencyFile
) -> bool:
    if (left.request, left.embeddings_sha256) != (saliency.request, properties.embeddings_sha256):
        return False
    return bench.read_earlier(PAIR_MAPS, lambda: bench.folder.read_maps(left)) is not None


def property_of_neighbors(properties: dict[str, Property]) -> str | None:
    """Return the property whose labels make a neighbor wrong: the class, else a categorical one.

    It has two labels, and one of them on two images.
    """
    categorical = [name for name, each in properties.items() if each.kind == "categorical"]
    named = [name for name in CLASSES if name in properties] + categorical
    return next((name for name in named if _can_be_wrong(properties[name])), None)


def _can_be_wrong(asked: Property) -> bool:
    sizes = encode_labels(asked.labels, len(asked.labels), "labels").sizes
    return len(sizes) > 1 and sizes.max() > 1


def _choose(bench: Workbench, name: str) -> list[Neighbor]:
    """Return some wrong nearest neighbors.

    The queries are searched in an order that depends on the dataset alone, so that models are
    shown at the same queries where they are wrong on them.
    """
    dataset = bench.dataset
    keys: list[str] = dataset.samples["key"].to_pylist()
    images, scenes = len(keys), scene_ids(dataset)
    scene_codes = None if scenes is None else encode_labels(scenes, images, "scenes").codes
    labels = encode_labels(dataset_properties(dataset)[name].labels, images, name, scene_codes)
    rows = wrong_neighbors(
        bench.folder.read_embeddings(), labels, COUNT, seed=seed_of(dataset.fingerprint)
    )
    return [Neighbor(query=keys[query], neighbor=keys[neighbor]) for query, neighbor in rows]


def _make(
    bench: Workbench,
    properties: PropertiesFile,
    saliency: SaliencyFile,
    name: str,
    chosen: list[Neighbor],
) -> PairsFile:
    blocks = bench.blocks("pairs", saliency.request, *chosen)
    settings = bench.settings
    task = PairTask(saliency.request, settings.device, settings.batch_size, bench.dataset.has_masks)
    place = {key: row for row, key in enumerate(bench.dataset.samples["key"].to_pylist())}
    parts, pairs = [], []
    with bench.step("pairs"), bench.progress("maps of pairs", 2 * len(chosen)) as bar:
        for neighbor in chosen:
            # An executor reads the images of a block in the order of the dataset.
            keys = sorted(neighbor.keys, key=place.__getitem__)
            finished = bench.finish(task, keys, len(keys), blocks, bar.advance)
            block = next(block for block in finished if block[KEYS].tolist() == keys)
            parts.append(Maps.from_arrays(block))
            distance = float(block[DISTANCES][keys.index(neighbor.query)])
            pairs.append(Pair(**vars(neighbor), distance=distance))
    maps = merge_maps(parts, [key for pair in pairs for key in pair.keys])
    content = PairsFile(
        subject=bench.subject,
        maps_sha256=bench.folder.write_maps(maps, PAIR_MAPS),
        embeddings_sha256=properties.embeddings_sha256,
        request=saliency.request,
        property_key=name,
        pairs=tuple(pairs),
    )
    bench.folder.write(content)
    blocks.remove()
    return content
