"""Models that refuse what they do not know, and errors that say where and what would be valid."""

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
    document = parse_plain_json(data, where, error)
    try:
        found = model.model_validate_json(data)
    except ValidationError as reason:
        raise error(f"{where}: {explain(reason, model)}") from None
    _check_finite(document, where, error)
    return found


def parse_plain_json(data: bytes | str, where: str, error: type[PrismError] = DatasetError) -> Any:
    """Parse a JSON document that somebody else may have written.

    As in Python's own reader, NaN and infinity pass.

    Raises:
        error: not JSON, nested beyond some 200 levels, or an integer of thousands of digits; names
            the line and column.
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
    # What the other members of a union say of a value is no problem of its own.
    others = {_path(place) for place in places if place != location[: len(place)]}
    more = len(others)
    rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return (f"{field}: " if field else "") + reason + rest


def first_problem(error: ValidationError, model: type[BaseModel]) -> ErrorDetails:
    """The problem to tell first: an unknown field, since a misspelt one is also a missing one.

    Of what the members of a union say, that of the member which the value is closest to.
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
    """All that a value may be, where it is a union that it is no member of.

    >>> _either(["Input should be 'default'", "Input should be an object"], "")
    "Input should be 'default' or an object"
    """
    start = "Input should be "
    kinds = dict.fromkeys(message.removeprefix(start) for message in messages)
    if len(kinds) < 2 or not all(message.startswith(start) for message in messages):
        return reason
    return start + " or ".join(kinds)


def _path(location: list[int | str]) -> str:
    """
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
    """The part of a location that stands in the file, and the model that its last field belongs to.

    pydantic also names the members of a union, by their type ('str') or by their discriminator.
    """
    found: list[int | str] = []
    owner: type[BaseModel] | None = None
    current: Any = model
    for part in location:
        current = _without_none(current)
        if _is_model(current) and issubclass(current, RootModel):
            current = current.model_fields["root"].annotation
        if isinstance(part, int):
            found.append(part)
            current = _first(_arguments(current), default=current)
        elif _is_model(current):
            owner = current
            found.append(part)
            field = current.model_fields.get(part)
            current = field.annotation if field else None
        elif get_origin(current) is dict:
            found.append(part)
            current = get_args(current)[1]
        elif is_dataclass(current):
            found.append(part)
            current = None
        else:
            members = [m for m in _members(current) if _is_model(m)]
            chosen = [m for m in members if part in _tags(m)]
            kind = str(part).partition("[")[0]
            chosen += [
                m for m in _members(current) if kind == getattr(get_origin(m), "__name__", "")
            ]
            current = _first(chosen, default=current)
    return found, owner


def _members(annotation: Any) -> list[Any]:
    """All members of a union, however nested; the annotation itself if it is none."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [inner for arg in _arguments(annotation) for inner in _members(arg)]
    return [annotation]


def _without_none(annotation: Any) -> Any:
    """The other member of an `X | None`, which a location does not name."""
    members = [member for member in _members(annotation) if member is not NoneType]
    return members[0] if len(members) == 1 else annotation


def _arguments(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    return list(arguments[:1] if get_origin(annotation) is Annotated else arguments)


def _tags(model: type[BaseModel]) -> list[Any]:
    """The values of the literal fields of a member of a union, one of which tells it apart."""
    return [value for field in model.model_fields.values() for value in get_args(field.annotation)]


def _first(values: list[Any], default: Any) -> Any:
    return values[0] if values else default


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
