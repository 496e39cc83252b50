"""One results folder: its files, read and written whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dmlbench.maps.geometry import Geometry
from dmlbench.results.arrays import write_arrays
from dmlbench.results.files import PropertiesFile, RunFile, SaliencyFile
from dmlbench.sources.embedding_file import load_array, load_arrays
from dmldata.common.errors import InputError
from dmldata.common.files import atomic_file, read_file, sha256_of, write_atomic
from dmldata.common.foreign import reading
from dmldata.common.strict import parse_json

EMBEDDINGS, PROPERTIES = "embeddings.npy", "properties.json"
MAPS, SALIENCY = "maps.npz", "saliency.json"
RUN = "run.json"
AGAIN = "run dmlbench evaluate on it again"

File = TypeVar("File", PropertiesFile, SaliencyFile, RunFile)

_NAMES = {PropertiesFile: PROPERTIES, SaliencyFile: SALIENCY, RunFile: RUN}


@dataclass(frozen=True)
class Maps:
    """What maps.npz holds, under the same names.

    Attributes:
        keys: [n] of the images.
        maps, prime: float16 [n, H, W] in [0, 1], under two noise draws; equal where the method
            draws no noise.
        attention_on_car: float32 [n] of `maps`; NaN where there is none.
        geometry: int64 [n, 4, 2]: image, resized, offset, crop as (height, width); what
            `dmlbench.maps.geometry.Geometry` takes.
    """

    keys: NDArray[np.str_]
    maps: NDArray[np.float16]
    prime: NDArray[np.float16]
    attention_on_car: NDArray[np.float32]
    geometry: NDArray[np.int64]

    def geometry_of(self, row: int) -> Geometry:
        """Where the map of a row lies in its image."""
        return Geometry(*(tuple(pair) for pair in self.geometry[row].tolist()))

    def rows_of(self, keys: Any) -> NDArray[np.int64]:
        """Row of each key."""
        row = {key: number for number, key in enumerate(self.keys.tolist())}
        return np.array([row[key] for key in keys], np.int64)


class ResultFolder:
    """The files of one model's results on one dataset.

    Writing anything but run.json removes run.json first: what it says is no longer so, and a folder
    without it counts as incomplete.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return (self.path / name).is_file()

    def read_run(self) -> RunFile:
        """run.json.

        Raises:
            InputError: missing (an evaluation that did not finish) or not valid.
        """
        if not self.holds(RUN):
            raise InputError(f"{self.path}: incomplete: no {RUN} in it; {AGAIN}")
        return self._parse(RunFile)

    def read_properties(self) -> PropertiesFile:
        """properties.json, after embeddings.npy was found to be what it was made from.

        Raises:
            InputError: one of the two is missing, altered or not valid.
        """
        found = self._parse(PropertiesFile)
        self.check(EMBEDDINGS, found.embeddings_sha256)
        return found

    def read_saliency(self) -> SaliencyFile:
        """saliency.json.

        Raises:
            InputError: missing or not valid.
        """
        return self._parse(SaliencyFile)

    def read_maps(self, described: SaliencyFile) -> Maps:
        """maps.npz, as saliency.json describes it.

        Raises:
            InputError: missing, altered or not valid.
        """
        self.check(MAPS, described.maps_sha256)
        try:
            arrays = load_arrays(self.path / MAPS)
            maps = Maps(**{name: arrays[name] for name in Maps.__dataclass_fields__})
        except KeyError as error:
            raise InputError(f"{self.path / MAPS}: holds no {error}; {AGAIN}") from None
        except InputError as error:
            raise InputError(f"{error}; {AGAIN}") from None
        if tuple(maps.keys.tolist()) != described.keys:
            raise InputError(f"{self.path / MAPS}: other keys than in {SALIENCY}; {AGAIN}")
        count = len(maps.keys)
        suits = (
            maps.geometry.shape == (count, 4, 2)
            and maps.maps.shape == maps.prime.shape == (count, *maps.maps.shape[1:3])
            and maps.attention_on_car.shape == (count,)
            and all(one.dtype.kind == "f" for one in (maps.maps, maps.prime, maps.attention_on_car))
            and maps.geometry.dtype.kind == "i"
        )
        if not suits:
            raise InputError(f"{self.path / MAPS}: not one map and geometry per image; {AGAIN}")
        return maps

    def read_embeddings(self) -> NDArray[np.float32]:
        """[N, D] float32, rows in the order of the dataset."""
        array: NDArray[np.float32] = load_array(self.path / EMBEDDINGS)
        return array

    def check(self, name: str, sha256: str) -> None:
        """Make sure that a file is the one with this digest.

        Raises:
            InputError: it is missing or another.
        """
        if not self.holds(name):
            raise InputError(f"{self.path / name}: missing; {AGAIN}")
        if sha256_of(self.path / name) != sha256:
            raise InputError(f"{self.path / name}: altered since it was measured; {AGAIN}")

    def digests(self, *names: str) -> dict[str, str]:
        """SHA-256 of files that are there."""
        return {name: sha256_of(self.path / name) for name in names}

    def write_embeddings(self, embeddings: NDArray[np.float32]) -> str:
        """Write embeddings.npy; returns its SHA-256."""
        self._reopen()
        with atomic_file(self.path / EMBEDDINGS) as file:
            np.save(file, embeddings)
        return sha256_of(self.path / EMBEDDINGS)

    def write_maps(self, maps: Maps) -> str:
        """Write maps.npz; returns its SHA-256."""
        self._reopen()
        arrays = {name: getattr(maps, name) for name in Maps.__dataclass_fields__}
        write_arrays(self.path / MAPS, arrays, compressed=True)
        return sha256_of(self.path / MAPS)

    def write(self, content: PropertiesFile | SaliencyFile | RunFile) -> None:
        """Write one of the JSON files under its name; run.json has to be the last."""
        if not isinstance(content, RunFile):
            self._reopen()
        text = json.dumps(content.model_dump(mode="json"), indent=1, ensure_ascii=False)
        write_atomic(self.path / _NAMES[type(content)], text + "\n")

    def _reopen(self) -> None:
        (self.path / RUN).unlink(missing_ok=True)

    def _parse(self, kind: type[File]) -> File:
        path = self.path / _NAMES[kind]
        if not path.exists():
            raise InputError(f"{path}: missing; {AGAIN}")
        try:
            with reading(str(path), "results of dmlbench evaluate"):
                return parse_json(kind, read_file(path), str(path), InputError)
        except InputError as error:
            raise InputError(f"{error}; {AGAIN}") from None
