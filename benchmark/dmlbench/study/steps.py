"""The steps of a study: what a step gave is kept under a hash of all that decides it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic
from dmldata.common.strict import StrictModel, parse_json

Found = TypeVar("Found", bound=StrictModel)


class Steps:
    """A folder with one JSON file a step.

    A step is taken again where anything that decides it has changed, and nothing that only it
    needed (a model, a folder of results) has to be there where it has not.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Of a step's file."""
        return self._folder / f"{name}.json"

    def read(self, name: str, decides: Any, model: type[Found]) -> Found | None:
        """What the step gave; None where it is still to be taken.

        Args:
            decides: JSON of all that decides the step.

        Raises:
            InputError: its file is damaged.
        """
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["key"] != key_of(decides):
                return None
            given = json.dumps(content["gave"])
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path}: damaged; remove it to take the step again") from None
        return parse_json(model, given, str(path), InputError)

    def take(self, name: str, decides: Any, model: type[Found], make: Callable[[], Found]) -> Found:
        """What the step gave, or gives now.

        Args:
            decides: JSON of all that decides what `make` gives.
        """
        found = self.read(name, decides, model)
        return self.keep(name, decides, make()) if found is None else found

    def keep(self, name: str, decides: Any, found: Found) -> Found:
        """Write what the step gave, in place of what it gave before."""
        gave = found.model_dump(mode="json")
        text = json.dumps({"key": key_of(decides), "gave": gave}, ensure_ascii=False)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path(name), text + "\n")
        return found


def key_of(decides: Any) -> str:
    """
    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
