"""Strict pydantic models, and errors that say where the problem is and what would be valid."""

from __future__ import annotations

import difflib
import json
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from dmldata.common.errors import DatasetError, PrismError


class StrictModel(BaseModel):
    """Frozen model that refuses unknown fields, NaN, infinities and silent type conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def parse_json(
    model: type[Model], data: bytes | str, where: str, error: type[PrismError] = DatasetError
) -> Model:
    """Parse and check a JSON document.

    Args:
        model: model that the document has to match.
        data: the document, in UTF-8.
        where: file name, for messages.
        error: class of the error to raise.

    Raises:
        error: one line with the file, the field (or line and column) and the reason.
    """
    document = parse_plain_json(data, where, error)
    try:
        parsed = model.model_validate_json(data)
    except ValidationError as reason:
        raise error(f"{where}: {explain(reason, model)}") from None
    _check_finite(document, where, error)
    return parsed


def parse_plain_json(data: bytes | str, where: str, error: type[PrismError] = DatasetError) -> Any:
    """Parse an untrusted JSON document. As in Python's own reader, NaN and infinity pass.

    Raises:
        error: not JSON, nested beyond about 200 levels, or an integer of thousands of digits;
            names the line and column.
    """
    try:
        return from_json(data)
    except ValueError as reason:
        raise error(f"{where}: not valid JSON: {reason}") from None


def _check_finite(document: Any, where: str, error: type[PrismError]) -> None:
    try:
        json.dumps(document, allow_nan=False)
    except ValueError:
        raise error(f"{where}: holds NaN or an infinite number; valid: finite numbers") from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return one line with the first wrong field, the reason, and how many more are wrong.

    >>> class Cup(StrictModel):
    ...     volume: float
    >>> try:
    ...     Cup.model_validate_json('{"volum": 1}')
    ... except ValidationError as error:
    ...     print(explain(error, Cup))
    volum: unknown field (did you mean 'volume'?); valid: volume (and 1 more problem)
    """
    problems = error.errors(include_url=False, include_context=False)
    first = first_problem(error, model)
    location, at = _without_tags(model, first["loc"])
    places = [_without_tags(model, problem["loc"])[0] for problem in problems]
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        reason = _unknown_field(str(first["loc"][-1]), at)
    else:
        here = zip(problems, places, strict=True)
        reason = _either([p["msg"] for p, place in here if place == location], reason)
        if "input" in first and isinstance(first["input"], str | int | float | bool):
            reason += f" (got {_short(first['input'])})"
    field = _path(location)
    # Messages of the other members of a union about the same value are not extra problems.
    further = {_path(place) for place in places if place != location[: len(place)]}
    more = len(further)
    rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return (f"{field}: " if field else "") + reason + rest


def first_problem(error: ValidationError, model: type[BaseModel]) -> ErrorDetails:
    """Return the problem to report first: an unknown field, since a misspelled one is also missing.

    For a value of a union, it is the problem of the member that the value is closest to.
    """
    problems = error.errors(include_url=False, include_context=False)
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            return problem
    places = [_without_tags(model, problem["loc"])[0] for problem in problems]
    depth = len(places[0])
    same = [number for number, place in enumerate(places) if place[:depth] == places[0]]
    return problems[max(same, key=lambda number: len(places[number]))]


def _either(messages: list[str], reason: str) -> str:
    """Return the message for a value that matches no member of a union: all valid kinds.

    >>> _either(["Input should be 'default'", "Input should be an object"], "")
    "Input should be 'default' or an object"
    """
    start = "Input should be "
    kinds = dict.fromkeys(message.removeprefix(start) for message in messages)
    if len(kinds) < 2 or not all(message.startswith(start) for message in messages):
        return reason
    return start + " or ".join(kinds)


def _path(location: list[int | str]) -> str:
    """Return a location as text.

    >>> _path(["shards", 0, "bytes"])
    'shards[0].bytes'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown_field(name: str, model: type[BaseModel] | None) -> str:
    valid = list(model.model_fields) if model else []
    close = difflib.get_close_matches(name, valid, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"unknown field{hint}" + (f"; valid: {', '.join(valid)}" if valid else "")


def _without_tags(
    model: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[list[int | str], type[BaseModel] | None]:
    """Return the part of a location that is in the file, and the model of its last field.

    pydantic also names the members of a union, by their type ('str') or by their discriminator.
    """
    fields: list[int | str] = []
    owner: type[BaseModel] | None = None
    current: Any = model
    for part in location:
        current = _without_none(current)
        if _is_model(current) and issubclass(current, RootModel):
            current = current.model_fields["root"].annotation
        if isinstance(part, int):
            fields.append(part)
            current = _first(_arguments(current), default=current)
        elif _is_model(current):
            owner = current
            fields.append(part)
            field = current.model_fields.get(part)
            current = field.annotation if field else None
        elif get_origin(current) is dict:
            fields.append(part)
            current = get_args(current)[1]
        elif is_dataclass(current):
            fields.append(part)
            current = None
        else:
            members = [m for m in _members(current) if _is_model(m)]
            chosen = [m for m in members if part in _tags(m)]
            kind = str(part).partition("[")[0]
            chosen += [
                m for m in _members(current) if kind == getattr(get_origin(m), "__name__", "")
            ]
            current = _first(chosen, default=current)
    return fields, owner


def _members(annotation: Any) -> list[Any]:
    """Return all members of a (nested) union; the annotation itself if it is not a union."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [inner for arg in _arguments(annotation) for inner in _members(arg)]
    return [annotation]


def _without_none(annotation: Any) -> Any:
    """Return X for an `X | None`, since a location does not name the members of such a union."""
    members = [member for member in _members(annotation) if member is not NoneType]
    return members[0] if len(members) == 1 else annotation


def _arguments(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    return list(arguments[:1] if get_origin(annotation) is Annotated else arguments)


def _tags(model: type[BaseModel]) -> list[Any]:
    """Return the values of the literal fields of a union's member; one is its discriminator."""
    return [value for field in model.model_fields.values() for value in get_args(field.annotation)]


def _first(values: list[Any], default: Any) -> Any:
    return values[0] if values else default


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
