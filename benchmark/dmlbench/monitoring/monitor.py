"""Property scores of a network at every epoch of any training loop."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from dmlbench.evaluation.map_images import choose_keys
from dmlbench.models import ModelOptions, Preprocessing
from dmlbench.models.in_memory import choose_preprocessing
from dmlbench.models.preprocessing_of import preprocessing_from
from dmlbench.monitoring.images import MonitoredImages, read_images
from dmlbench.monitoring.map_strip import draw_strip
from dmlbench.monitoring.network import bare_network, embed_tensors, measured
from dmlbench.monitoring.scorer import RequestedScores, make_scorer
from dmlbench.saliency import MapSettings
from dmlbench.sources import ImageSource, open_source
from dmldata.common.errors import FieldError

if TYPE_CHECKING:
    import pandas as pd


class PropertyMonitor:
    """Measures by which properties a network clusters images, again and again while it trains.

    Scores are those of `evaluate` for the same images, without intervals. NR-Precision grows with
    the number of images: compare it between epochs and trainings, with `images` alike.

    Images are decoded and preprocessed at the first call and kept as float32 tensors. The network
    runs in eval mode and full precision on its own device, and is left as it was: mode,
    `requires_grad`, random states and weights. Where several processes train together, call the
    monitor in one of them.

    Args:
        data: a set that comes with the package (`sample`, `paper`), a folder, a URL,
            `hf://owner/name`, or what `dmlbench.sources.open_source` returned.
        every: measure at every n-th call, beginning with the first.
        images: maximum number of images; of more, the dataset's fingerprint chooses.
        properties: names of properties; by default all that vary and have a score.
        scores: neighbor scores of each property: nr_precision, arp, r_precision, precision_at_1,
            map_at_r, nr_precision_paper.
        class_property: name of the class; by default `car_model` or `class`, where there is one.
        class_scores: neighbor scores of the class in addition.
        preprocessing: torchvision transforms, a data config of timm, a processor of transformers
            or a `dmlbench.models.Preprocessing`; by default what timm stored in the network, else
            ImageNet's, which a warning says.
        input_size: side or (H, W) of the network's input in pixels; by default its own.
        batch_size: number of images in one forward pass.
        maps_every: draw saliency maps at every n-th call, beginning with the first; None for
            never.
        map_images: number of images with maps.
        method: name of a saliency method, or `python:module:function`.
        samples: noisy copies per map.
        loss: the loss that the network is trained with, whose distance the maps explain.

    Attributes:
        history: a row for each measurement: `step` and the scores.
        map_strip: uint8 RGB [H, W, 3], a column per image, the picture above its map, as the last
            call drew it; None if it drew none.

    Raises:
        InputError: an option or a name is not valid.
        DatasetError: the dataset cannot be read.

    >>> from dmlbench.models import Preprocessing
    >>> small = Preprocessing(input_size=32)
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
    >>> monitor = PropertyMonitor("sample", properties=["paint_hue"], preprocessing=small)
    >>> list(monitor(network, step=0))
    ['nr_precision/paint_hue', 'precision_at_1/car_model', 'map_at_r/car_model']
    """

    def __init__(
        self,
        data: str | Path | ImageSource = "sample",
        *,
        every: int = 1,
        images: int = 500,
        properties: Sequence[str] | None = None,
        scores: Sequence[str] = ("nr_precision",),
        class_property: str | None = None,
        class_scores: Sequence[str] = ("precision_at_1", "map_at_r"),
        preprocessing: object | None = None,
        input_size: int | tuple[int, int] | None = None,
        batch_size: int = 64,
        maps_every: int | None = None,
        map_images: int = 4,
        method: str = "smoothgrad_paper",
        samples: int = 10,
        loss: str | None = None,
    ) -> None:
        _check_positive(
            every=every,
            images=images,
            batch_size=batch_size,
            maps_every=maps_every,
            map_images=map_images,
            samples=samples,
        )
        for name, names in (
            ("properties", properties),
            ("scores", scores),
            ("class_scores", class_scores),
        ):
            if isinstance(names, str):
                raise FieldError({name: repr(names)}, "has to be a list of names")
        if not scores and not class_scores:
            raise FieldError({"scores": scores, "class_scores": class_scores}, "ask for nothing")
        MapSettings(method=method, samples=samples).check()
        self.every, self.maps_every = every, maps_every
        self.history: list[dict[str, float]] = []
        self.map_strip: NDArray[np.uint8] | None = None
        self._options = ModelOptions(loss=loss, input_size=input_size)
        known = Preprocessing() if preprocessing is None else preprocessing_from(preprocessing)
        self._options.apply(known)
        self._preprocessing, self._batch_size = preprocessing, batch_size
        self._map_settings = MapSettings(method=method, samples=samples)
        self._source = open_source(str(data)) if isinstance(data, str | Path) else data
        self._keys = choose_keys(self._source, images)
        self._shown = choose_keys(self._source, min(map_images, images))
        row_of = {key: row for row, key in enumerate(self._source.samples["key"].to_pylist())}
        requested = RequestedScores(scores, properties, class_scores, class_property)
        rows = np.array([row_of[key] for key in self._keys], np.intp)
        self._scorer = make_scorer(self._source, rows, requested)
        self._read: MonitoredImages | None = None
        self._calls = 0

    def __call__(self, network: nn.Module, step: int | None = None) -> dict[str, float]:
        """Measure a network if this call is one of every `every`, and return its scores.

        Args:
            network: maps images [B, 3, H, W] to embeddings [B, D].
            step: epoch or step of the training, for the history; by default the number of calls
                before this one.

        Returns:
            Scores by names such as `nr_precision/paint_hue`, NaN where an embedding is zero; empty
            if nothing was measured.

        Raises:
            ModelError: the network fails on the images, or an embedding is not finite.
        """
        call = self._calls
        self._calls += 1
        draws = self.maps_every is not None and call % self.maps_every == 0
        self.map_strip = self.draw_maps(network) if draws else None
        if call % self.every:
            return {}
        return self.measure(network, call if step is None else step)

    def measure(self, network: nn.Module, step: int) -> dict[str, float]:
        """Return the scores of a network, and add them to the history.

        Arguments and errors are those of a call.
        """
        images = self._images(network)
        with measured(bare_network(network), images.tensors) as model:
            embeddings = embed_tensors(model, images.tensors, self._batch_size)
        zero = int((~embeddings.any(axis=1)).sum())
        if zero:
            warnings.warn(
                f"step {step}: {zero} of {len(embeddings)} embeddings are zero, without a "
                "direction: nothing is scored",
                stacklevel=3,
            )
            scores = dict.fromkeys(self._scorer.names, math.nan)
        else:
            scores = self._scorer.score(embeddings)
        self.history.append({"step": step, **scores})
        return scores

    def draw_maps(self, network: nn.Module) -> NDArray[np.uint8]:
        """Return the strip of saliency maps of a network, uint8 RGB [H, W, 3].

        Raises:
            ModelError: a map is not finite, or the network lacks what the method needs.
        """
        images = self._images(network)
        with measured(bare_network(network), images.tensors) as model:
            return draw_strip(model, images, self._map_settings, self._options.loss)

    def to_frame(self) -> pd.DataFrame:
        """Return the history, with a row for each measured step and a column for each score."""
        import pandas as pd

        return pd.DataFrame(self.history, columns=["step", *self._scorer.names]).set_index("step")

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint needs to continue the history."""
        return {"calls": self._calls, "history": [dict(row) for row in self.history]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._calls, self.history = state["calls"], [dict(row) for row in state["history"]]

    def _images(self, network: nn.Module) -> MonitoredImages:
        """Return the images as this network needs them, decoded where they are not yet."""
        bare = bare_network(network)
        name = type(bare).__name__
        chosen, notes = choose_preprocessing(bare, self._preprocessing, self._options, name)
        if self._read is None or self._read.preprocessing != chosen:
            for note in notes:
                warnings.warn(f"{note}; valid: preprocessing=...", stacklevel=4)
            self._read = read_images(self._source, self._keys, self._shown, chosen)
        return self._read


def _check_positive(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and (type(number) is not int or number < 1):
            raise FieldError({name: number}, "has to be a whole number of at least 1")
