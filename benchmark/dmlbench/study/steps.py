"""Store the results of steps of a study, each with a hash of everything that decides it.

A step is one document that replaces the one of other settings, and stays when the study is done.
The blocks of an evaluation (`dmlbench.results.blocks`) are many arrays of which each is made once
and all are removed at the end, so they lie in a folder per hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic
from dmldata.common.strict import StrictModel, parse_json, parse_plain_json

Content = TypeVar("Content", bound=StrictModel)


class Steps:
    """A folder with one JSON file per step.

    A step runs again if anything that decides it has changed. Otherwise what only this step needed
    (a model, a folder of results) does not have to exist any more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Return the path of the step's result file."""
        return self._folder / f"{name}.json"

    def read(self, name: str, decides: Any, model: type[Content]) -> Content | None:
        """Read the result of a step; None if it has none for what `decides` says.

        Args:
            decides: JSON of everything that decides the step.

        Raises:
            InputError: the file is damaged.
        """
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            content = parse_plain_json(path.read_bytes(), str(path), InputError)
            if content["key"] != key_of(decides):
                return None
            content_text = json.dumps(content["gave"])
        except (InputError, KeyError, TypeError):
            raise InputError(f"{path}: damaged; remove it to run the step again") from None
        return parse_json(model, content_text, str(path), InputError)

    def take(
        self, name: str, decides: Any, model: type[Content], make: Callable[[], Content]
    ) -> Content:
        """Return the stored result of a step, or run `make` and store its result.

        Args:
            decides: JSON of everything that decides the result of `make`.
        """
        earlier = self.read(name, decides, model)
        return self.keep(name, decides, make()) if earlier is None else earlier

    def keep(self, name: str, decides: Any, result: Content) -> Content:
        """Store the result of a step, replacing an earlier one, and return it."""
        gave = result.model_dump(mode="json")
        text = json.dumps({"key": key_of(decides), "gave": gave}, ensure_ascii=False)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path(name), text + "\n")
        return result


def key_of(decides: Any) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
