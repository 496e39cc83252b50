"""YAML documents as strict models, with errors one can act on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dmldata.errors import InputError
from dmldata.strict import explain, first_problem

M = TypeVar("M", bound=BaseModel)


def load_document(model: type[M], path: Path) -> M:
    """The YAML document in `path`, checked.

    Raises:
        InputError: no such file, not YAML, or not valid: names file, line and field.
    """
    text = _read(path)
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise InputError(f"{place}: {problem}") from error
    if not isinstance(data, dict) or tree is None:
        raise InputError(f"{path}: expected fields like 'name: value', found {_kind_of(data)}")
    try:
        return model.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        line = line_of(tree, first_problem(error)["loc"])
        raise InputError(f"{path}:{line}: {explain(error, model)}") from error


def line_of(tree: yaml.Node, location: tuple[int | str, ...]) -> int:
    """The line (from 1) of the field at `location`, or of its nearest parent in the file.

    >>> line_of(yaml.compose("name: x\\nfactors:\\n  hue: [1, 2]"), ("factors", "hue", 0))
    3
    """
    node = tree
    line = node.start_mark.line
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(step)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and node.value[step:]:
            node = node.value[step]
            line = node.start_mark.line
    return line + 1


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8 ({error.reason})") from error


def _kind_of(data: Any) -> str:
    return {type(None): "nothing", list: "a list"}.get(type(data), f"'{data}'")
