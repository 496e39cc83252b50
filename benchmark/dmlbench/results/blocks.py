"""Finished blocks of an unfinished part of the results, from which an evaluation resumes.

A block holds the keys of some images and the arrays computed from them. Each block is a file that
is written atomically: an evaluation that was killed resumes after its last finished block.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from dmlbench.results.arrays import write_arrays
from dmlbench.results.files import FORMAT

FOLDER = "unfinished"
KEYS, SECONDS = "keys", "seconds"
"""Names of two arrays in every block: the keys of its images, and the seconds it took."""
_DIGITS = 16

Arrays = Mapping[str, NDArray[Any]]


class Blocks:
    """The blocks of one part, in a folder named by a hash of everything that decides their content.

    Blocks of another model, dataset or setting are in another folder and are never reused.

    Args:
        folder: the results folder; the blocks are in its subfolder `unfinished/<part>-<hash>/`.
        part: what the blocks hold, such as "embeddings" or "saliency".
        decided_by: what decides the content of a block, in addition to its keys.
    """

    def __init__(self, folder: Path, part: str, *decided_by: BaseModel) -> None:
        content = [str(FORMAT), *(decision.model_dump_json() for decision in decided_by)]
        self._root, self._part = folder / FOLDER, part
        self._path = self._root / f"{part}-{_hash(content)}"

    def read(self) -> list[Arrays]:
        """Return the finished blocks, each with its `keys`; damaged files are removed."""
        finished: list[Arrays] = []
        for path in sorted(self._path.glob("*.npz")):
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    finished.append(dict(arrays))
            except (ValueError, OSError, EOFError, zipfile.BadZipFile):
                path.unlink()
        return finished

    def write(self, block: Arrays) -> None:
        """Save a finished block; its `keys` are its images, its `seconds` the time it took."""
        write_arrays(self._path / f"{_hash(block[KEYS].tolist())}.npz", block)

    def remove(self) -> None:
        """Remove all blocks of this part, also those of other settings: the part is finished."""
        for path in self._root.glob(f"{self._part}-*"):
            shutil.rmtree(path)
        if self._root.is_dir() and not any(self._root.iterdir()):
            self._root.rmdir()


def unfinished(keys: Sequence[str], size: int, finished: Sequence[Arrays]) -> Iterator[list[str]]:
    """Yield the keys in blocks of `size` images, without those in a finished block.

    The keys are cut into blocks before finished ones are left out, so that an interrupted call and
    an uninterrupted one make the same blocks.

    >>> list(unfinished("abcde", 2, [{"keys": np.array(["a", "b"])}]))
    [['c', 'd'], ['e']]
    """
    finished_keys = {key for block in finished for key in block[KEYS].tolist()}
    for start in range(0, len(keys), size):
        left = [key for key in keys[start : start + size] if key not in finished_keys]
        if left:
            yield left


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]
