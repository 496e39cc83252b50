"""YAML documents as strict models, with errors that name the file, line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dmldata.common.errors import InputError, one_line
from dmldata.common.files import read_file
from dmldata.common.strict import explain, first_problem

M = TypeVar("M", bound=BaseModel)

_BEING_COUNTED = -1
MAX_YAML_BYTES = 1024**2
"""Maximum size of a YAML file in bytes."""
_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
MAX_DEPTH = 100
"""Maximum nesting of lists and mappings."""
MAX_DIGITS = 100
"""Maximum number of digits of an integer."""
_TOO_DEEP = f"nested too deeply; valid: at most {MAX_DEPTH} levels"
MAX_NODES = 1_000_000
"""Maximum number of values of a document; an alias counts as all the values that it repeats."""


def load_document(model: type[M], path: Path) -> M:
    """Read a YAML document and check it against a model.

    Raises:
        InputError: the file is missing, not YAML, or not valid; names the file, line and field.
    """
    data, tree = parse_yaml(_read(path), str(path))
    if not isinstance(data, dict) or tree is None:
        raise InputError(f"{path}: expected fields like 'name: value', found {_kind_of(data)}")
    try:
        return model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        line = line_of(tree, first_problem(error, model)["loc"])
        raise InputError(f"{path}:{line}: {explain(error, model)}") from error


def parse_yaml(text: str, where: str) -> tuple[Any, yaml.Node | None]:
    """Parse untrusted YAML into its content and its nodes (for `line_of`).

    The content has only types that JSON has; a date is kept as text.

    Args:
        where: name of the file, for messages.

    Raises:
        InputError: not YAML, a key occurs twice in one mapping, a tag or number that JSON does not
            have, more than MAX_NODES values with aliases expanded, or nested too deeply; names the
            line.
    """
    try:
        loader = yaml.SafeLoader(text)
        tree = loader.get_single_node()
        if tree is None:
            return None, None
        _count_nodes(tree, where, {})
        return loader.construct_document(tree), tree
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise InputError(f"{place}: {problem}") from error
    except RecursionError:
        raise InputError(f"{where}: {_TOO_DEEP}") from None
    except (ValueError, TypeError, LookupError) as error:
        raise InputError(f"{where}: a value that does not fit its tag: {one_line(error)}") from None


def _count_nodes(node: yaml.Node, where: str, counted: dict[int, int], depth: int = 0) -> int:
    """Count the values in a node with aliases expanded, and check keys, tags and nesting."""
    if id(node) in counted:
        if counted[id(node)] == _BEING_COUNTED:
            raise InputError(f"{where}:{node.start_mark.line + 1}: a value that contains itself")
        return counted[id(node)]
    counted[id(node)] = _BEING_COUNTED
    if isinstance(node, yaml.ScalarNode):
        _check_scalar(node, where)
    elif depth == MAX_DEPTH:
        raise InputError(f"{where}:{node.start_mark.line + 1}: {_TOO_DEEP}")
    elif node.tag not in _TAGS:
        raise InputError(f"{where}:{node.start_mark.line + 1}: {_unknown_tag(node)}")
    children = []
    if isinstance(node, yaml.MappingNode):
        seen: set[tuple[str, str]] = set()
        for key, value in node.value:
            named = (key.tag, str(key.value))
            if named in seen and isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise InputError(f"{where}:{line}: '{key.value}' stands twice; valid: once")
            seen.add(named)
            children += [key, value]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    counted[id(node)] = 1 + sum(
        _count_nodes(child, where, counted, depth + 1) for child in children
    )
    if counted[id(node)] > MAX_NODES:
        line = node.start_mark.line + 1
        raise InputError(f"{where}:{line}: more than {MAX_NODES:,} values, with its aliases")
    return counted[id(node)]


def _check_scalar(node: yaml.ScalarNode, where: str) -> None:
    if node.tag == f"{_TAG}timestamp":
        node.tag = f"{_TAG}str"
    problem = None
    if node.tag not in _TAGS:
        problem = _unknown_tag(node)
    elif node.tag == f"{_TAG}int" and len(node.value) > MAX_DIGITS:
        problem = f"a number of {len(node.value):,} digits; valid: at most {MAX_DIGITS}"
    if problem:
        raise InputError(f"{where}:{node.start_mark.line + 1}: {problem}")


def _unknown_tag(node: yaml.Node) -> str:
    tag = node.tag.replace(_TAG, "!!")
    return f"unknown tag {tag}; valid: text, numbers, true, false, null, lists, mappings, no tags"


def line_of(tree: yaml.Node, location: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the field at `location`, or of its nearest parent in the file.

    >>> line_of(yaml.compose("name: x\\nfactors:\\n  hue: [1, 2]"), ("factors", "hue", 0))
    3
    """
    node = tree
    line = node.start_mark.line
    for step in location:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(step)), None)
            if pair is None:
                continue
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and node.value[step:]:
            node = node.value[step]
            line = node.start_mark.line
    return line + 1


def _read(path: Path) -> str:
    try:
        return read_file(path, MAX_YAML_BYTES).decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8 ({error.reason})") from error


def _kind_of(data: Any) -> str:
    return {type(None): "nothing", list: "a list"}.get(type(data), f"'{data}'")
