"""Models that refuse what they do not know, and errors that say where and what would be valid."""

from __future__ import annotations

import difflib
import json
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from dmldata.errors import DatasetError, PrismError


class StrictModel(BaseModel):
    """Frozen; unknown fields, NaN, infinities and silent type conversions are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def parse_json(
    model: type[Model], data: bytes | str, where: str, error: type[PrismError] = DatasetError
) -> Model:
    """Parse and check a JSON document.

    Args:
        model: what the document has to be.
        data: the document, UTF-8.
        where: file name for the messages.
        error: class of what is raised.

    Raises:
        error: one line with the file, the field (or line and column) and the reason.
    """
    try:
        json.loads(data)
    except json.JSONDecodeError as reason:
        place = f"line {reason.lineno}, column {reason.colno}"
        raise error(f"{where}: not valid JSON at {place}: {reason.msg}") from None
    except (UnicodeDecodeError, RecursionError) as reason:
        raise error(f"{where}: not valid JSON: {reason}") from None
    try:
        return model.model_validate_json(data)
    except ValidationError as reason:
        raise error(f"{where}: {explain(reason, model)}") from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One line that names the first wrong field, the reason, and how many more are wrong.

    >>> class Cup(StrictModel):
    ...     volume: float
    >>> try:
    ...     Cup.model_validate_json('{"volumne": 1}')
    ... except ValidationError as error:
    ...     print(explain(error, Cup))
    volumne: unknown field (did you mean 'volume'?); valid: volume (and 1 more problem)
    """
    problems = error.errors(include_url=False, include_context=False)
    first = first_problem(error)
    location = [part for part in first["loc"] if not _is_type_tag(part)]
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        reason = _unknown_field(str(location[-1]), _model_at(model, location[:-1]))
    elif "input" in first and isinstance(first["input"], str | int | float | bool):
        reason += f" (got {_short(first['input'])})"
    field = _path(location)
    more = len(problems) - 1
    rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return (f"{field}: " if field else "") + reason + rest


def first_problem(error: ValidationError) -> ErrorDetails:
    """The problem to tell first: an unknown field, since a misspelt one is also a missing one."""
    problems = error.errors(include_url=False, include_context=False)
    unknown = (problem for problem in problems if problem["type"] == "extra_forbidden")
    return next(unknown, problems[0])


def _path(location: list[int | str]) -> str:
    """
    >>> _path(["shards", 0, "bytes"])
    'shards[0].bytes'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _is_type_tag(part: int | str) -> bool:
    """pydantic names the members of a union ('str', 'float') in a location; no file holds them."""
    return part in ("str", "float", "int", "bool")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown_field(name: str, model: type[BaseModel] | None) -> str:
    valid = list(model.model_fields) if model else []
    close = difflib.get_close_matches(name, valid, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"unknown field{hint}" + (f"; valid: {', '.join(valid)}" if valid else "")


def _model_at(model: type[BaseModel], location: list[int | str]) -> type[BaseModel] | None:
    """The model that the fields at `location` belong to, where it can be told."""
    current: Any = model
    for part in location:
        if isinstance(part, str) and _is_model(current) and part in current.model_fields:
            current = current.model_fields[part].annotation
        else:
            current = next((arg for arg in get_args(current) if _is_model(arg)), None)
    return current if _is_model(current) else None


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
