"""Read and write the files of one results folder, each atomically."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dmlbench.maps.geometry import Geometry
from dmlbench.results.arrays import write_arrays
from dmlbench.results.files import PairsFile, PropertiesFile, RunFile, SaliencyFile
from dmlbench.sources.embedding_file import load_array, load_arrays
from dmldata.common.errors import InputError
from dmldata.common.files import atomic_file, read_file, sha256_of, write_atomic
from dmldata.common.foreign import reading
from dmldata.common.strict import parse_json

EMBEDDINGS, PROPERTIES = "embeddings.npy", "properties.json"
MAPS, SALIENCY = "maps.npz", "saliency.json"
PAIR_MAPS, PAIRS = "pairs.npz", "pairs.json"
RUN = "run.json"
AGAIN = "run dmlbench evaluate on it again"

File = TypeVar("File", PropertiesFile, SaliencyFile, PairsFile, RunFile)

_NAMES = {PropertiesFile: PROPERTIES, SaliencyFile: SALIENCY, PairsFile: PAIRS, RunFile: RUN}


@dataclass(frozen=True)
class Maps:
    """The arrays of maps.npz and pairs.npz, under the same names.

    Attributes:
        keys: [n] keys of the images.
        maps: float16 [n, H, W] in [0, 1], saliency maps.
        half_correlation: float32 [n], Pearson r of the maps from either half of the noisy copies;
            NaN for a method without noise, and where a half has no variance.
        attention_on_car: float32 [n], attention on the car of `maps`; NaN for images without mask.
        samples: int32 [n], number of noisy copies of each image; 0 where it is not known.
        geometry: int64 [n, 4, 2]: image, resized, offset, crop as (height, width); what
            `dmlbench.maps.geometry.Geometry` takes.
    """

    keys: NDArray[np.str_]
    maps: NDArray[np.float16]
    half_correlation: NDArray[np.float32]
    attention_on_car: NDArray[np.float32]
    geometry: NDArray[np.int64]
    samples: NDArray[np.int32]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Maps:
        """Take those arrays that are fields; files of earlier versions have no `samples`.

        Raises:
            KeyError: another field is missing.
        """
        samples = {"samples": np.zeros(len(arrays["keys"]), np.int32)}
        return cls(**{name: (samples | dict(arrays))[name] for name in cls.__dataclass_fields__})

    def geometry_of(self, row: int) -> Geometry:
        """Return where the map in this row lies in its image."""
        return Geometry(*(tuple(pair) for pair in self.geometry[row].tolist()))

    def rows_of(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Return the row of each key, int64 [n]."""
        row = {key: number for number, key in enumerate(self.keys.tolist())}
        return np.array([row[key] for key in keys], np.int64)


class ResultFolder:
    """The files of one model's results on one dataset.

    Writing any other file first removes run.json, which describes the old files; a folder without
    run.json counts as incomplete.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, name: str) -> bool:
        """Return whether the folder has a file of this name."""
        return (self.path / name).is_file()

    def read_run(self) -> RunFile:
        """Read run.json.

        Raises:
            InputError: it is missing (the evaluation did not finish) or not valid.
        """
        if not self.holds(RUN):
            raise InputError(f"{self.path}: incomplete: no {RUN} in it; {AGAIN}")
        return self._parse(RunFile)

    def read_properties(self) -> PropertiesFile:
        """Read properties.json and check that embeddings.npy is the file it was computed from.

        Raises:
            InputError: one of the two is missing, altered or not valid.
        """
        properties = self._parse(PropertiesFile)
        self.check(EMBEDDINGS, properties.embeddings_sha256)
        return properties

    def read_saliency(self) -> SaliencyFile:
        """Read saliency.json.

        Raises:
            InputError: it is missing or not valid.
        """
        return self._parse(SaliencyFile)

    def read_pairs(self) -> PairsFile:
        """Read pairs.json.

        Raises:
            InputError: it is missing or not valid.
        """
        return self._parse(PairsFile)

    def read_maps(self, described: SaliencyFile | PairsFile) -> Maps:
        """Read maps.npz or pairs.npz and check it against the JSON file that describes it.

        Raises:
            InputError: it is missing, altered or not valid.
        """
        name = MAPS if isinstance(described, SaliencyFile) else PAIR_MAPS
        path = self.path / name
        self.check(name, described.maps_sha256)
        try:
            arrays = load_arrays(path)
            maps = Maps.from_arrays(arrays)
        except KeyError as error:
            raise InputError(f"{path}: holds no {error}; {AGAIN}") from None
        except InputError as error:
            raise InputError(f"{error}; {AGAIN}") from None
        if tuple(maps.keys.tolist()) != described.keys:
            raise InputError(f"{path}: other keys than in {_NAMES[type(described)]}; {AGAIN}")
        count = len(maps.keys)
        suits = (
            maps.geometry.shape == (count, 4, 2)
            and maps.maps.shape == (count, *maps.maps.shape[1:3])
            and maps.half_correlation.shape == maps.attention_on_car.shape == (count,)
            and maps.samples.shape == (count,)
            and all(
                array.dtype.kind == "f"
                for array in (maps.maps, maps.half_correlation, maps.attention_on_car)
            )
            and maps.geometry.dtype.kind == maps.samples.dtype.kind == "i"
        )
        if not suits:
            raise InputError(f"{path}: not one map and geometry per image; {AGAIN}")
        return maps

    def read_embeddings(self) -> NDArray[np.float32]:
        """Read the embeddings, float32 [N, D], rows in the order of the dataset."""
        array: NDArray[np.float32] = load_array(self.path / EMBEDDINGS)
        return array

    def check(self, name: str, sha256: str) -> None:
        """Check that a file has this SHA-256 digest.

        Raises:
            InputError: it is missing or has another digest.
        """
        if not self.holds(name):
            raise InputError(f"{self.path / name}: missing; {AGAIN}")
        if sha256_of(self.path / name) != sha256:
            raise InputError(f"{self.path / name}: altered since it was measured; {AGAIN}")

    def digests(self, *names: str) -> dict[str, str]:
        """Return the SHA-256 of files of this folder, by name."""
        return {name: sha256_of(self.path / name) for name in names}

    def write_embeddings(self, embeddings: NDArray[np.float32]) -> str:
        """Write embeddings.npy and return its SHA-256."""
        self._reopen()
        with atomic_file(self.path / EMBEDDINGS) as file:
            np.save(file, embeddings)
        return sha256_of(self.path / EMBEDDINGS)

    def write_maps(self, maps: Maps, name: str = MAPS) -> str:
        """Write maps.npz, or pairs.npz, and return its SHA-256."""
        self._reopen()
        arrays = {field: getattr(maps, field) for field in Maps.__dataclass_fields__}
        write_arrays(self.path / name, arrays, compressed=True)
        return sha256_of(self.path / name)

    def write(self, content: PropertiesFile | SaliencyFile | PairsFile | RunFile) -> None:
        """Write one of the JSON files under its name; run.json has to be written last."""
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
