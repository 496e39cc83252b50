"""The controls of the protocol's section 6: networks that are saved without training."""

from __future__ import annotations

from collections.abc import Sequence

from dmlbench.embedding import embed
from dmlbench.models import LoadedModel
from dmlbench.scores import map_at_r, precision_at_1
from dmlbench.training.fit import Material
from dmlbench.training.learner import MONITORED
from dmlbench.training.trunks import Start


def score_untrained(
    start: Start, material: Material, names: Sequence[str]
) -> dict[str, float | None]:
    """Return the row of the history before training.

    Args:
        names: class of each validation image.
    """
    dimensions = int(start.network.embedder.out_features)  # type: ignore[arg-type]
    loaded = LoadedModel(start.network, start.preprocessing, dimensions=dimensions)
    images = (material.images[int(row)] for row in material.validation)
    embeddings = embed(loaded, images)
    return {
        "epoch": 0,
        "step": 0,
        "train_loss": None,
        MONITORED: map_at_r(embeddings, names),
        "precision_at_1": precision_at_1(embeddings, names),
        "seconds": 0.0,
    }
