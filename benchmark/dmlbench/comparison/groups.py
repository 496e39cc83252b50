"""Assign models to two groups, by the losses they were trained with or from a file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dmlbench.losses import family_of, loss_named
from dmlbench.results import Result
from dmlbench.sources.csv_table import read_csv
from dmldata.common.documents import MAX_YAML_BYTES
from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.files import read_file
from dmldata.common.foreign import reading
from dmldata.common.strict import StrictModel

LOSS_GROUPS = ("classification", "ranking")
VALID = "valid: .csv with the columns model and group, or .yaml with lines 'model: group'"


class Unit(StrictModel):
    """The unit of a test: one loss, whose models (ids) are its folds."""

    name: str
    group: str
    models: tuple[str, ...]


class Groups(StrictModel):
    """Two groups of models.

    Attributes:
        names: names of the groups, in the order in which they are compared.
        units: units of both groups.
        left_out: ids of the models that are in neither group.
    """

    names: tuple[str, str]
    units: tuple[Unit, ...]
    left_out: tuple[str, ...]

    def of(self, name: str) -> list[Unit]:
        """Return the units of one group."""
        return [unit for unit in self.units if unit.group == name]


class Entry(NamedTuple):
    """A line of a groups file."""

    line: int
    model: str
    group: str


def loss_groups(results: Sequence[Result]) -> Groups | None:
    """Group results into classification and ranking losses (protocol, section 6).

    Several results of one loss are its folds. Returns None if one of the groups has no model.
    """
    units: dict[str, list[str]] = {}
    for result in results:
        if result.run.model.loss is not None:
            units.setdefault(result.run.model.loss, []).append(result.model)
    grouped_units = [
        Unit(name=loss, group=loss_named(loss).group, models=tuple(models))
        for loss, models in sorted(units.items())
        if loss_named(loss).group in LOSS_GROUPS
    ]
    if {unit.group for unit in grouped_units} != set(LOSS_GROUPS):
        return None
    return _groups(LOSS_GROUPS, grouped_units, results)


def family_groups(groups: Groups) -> Groups | None:
    """Merge losses of one family into one unit, so that near-duplicates count once.

    Returns None if that changes nothing.
    """
    families: dict[tuple[str, str], list[Unit]] = {}
    for unit in groups.units:
        families.setdefault((family_of(unit.name), unit.group), []).append(unit)
    units = tuple(
        Unit(
            name=name,
            group=group,
            models=tuple(model for unit in members for model in unit.models),
        )
        for (name, group), members in families.items()
    )
    return groups.model_copy(update={"units": units}) if len(units) < len(groups.units) else None


def read_groups(path: Path, results: Sequence[Result]) -> Groups:
    """Read groups from a CSV or YAML file that assigns each model to a group.

    The file names a model by its id, its name or its loss; the first of these that matches counts.
    If several results share the name or loss, they are its folds. A model that is not in the file
    is in neither group.

    Raises:
        InputError: the file cannot be read, names a model twice or one that is not compared, or
            does not have exactly two groups.
    """
    entries = _read(path)
    names = tuple(dict.fromkeys(entry.group for entry in entries))
    if len(names) != 2:
        listed = ", ".join(names) or "none"
        raise InputError(f"{path}: {len(names)} groups ({listed}); valid: two groups")
    entry_of: dict[str, Entry] = {}
    units = []
    for entry in entries:
        models = _named(entry, path, results)
        for model in models:
            earlier = entry_of.setdefault(model, entry)
            if earlier is not entry:
                raise InputError(
                    f"{path}, line {entry.line}: model '{model}' is already listed "
                    f"as '{earlier.model}' on line {earlier.line}; valid: each model once"
                )
        units.append(Unit(name=entry.model, group=entry.group, models=models))
    return _groups(names, units, results)


def _groups(names: tuple[str, ...], units: Sequence[Unit], results: Sequence[Result]) -> Groups:
    inside = {model for unit in units for model in unit.models}
    left_out = tuple(result.model for result in results if result.model not in inside)
    first, second = names
    return Groups(names=(first, second), units=tuple(units), left_out=left_out)


def _named(entry: Entry, path: Path, results: Sequence[Result]) -> tuple[str, ...]:
    known = (
        {result.model: result.model for result in results},
        {result.model: result.run.name for result in results},
        {result.model: result.run.model.loss for result in results},
    )
    for names in known:
        matching = tuple(model for model, name in names.items() if name == entry.model)
        if matching:
            return matching
    valid = sorted({name for names in known[1:] for name in names.values() if name is not None})
    raise UnknownNameError("model", entry.model, valid, where=f"{path}, line {entry.line}")


def _read(path: Path) -> list[Entry]:
    readers = {".csv": _csv_entries, ".yaml": _yaml_entries, ".yml": _yaml_entries}
    if path.suffix not in readers:
        raise InputError(f"{path}: '{path.suffix}' is not a groups file; {VALID}")
    entries = list(readers[path.suffix](path))
    for entry in entries:
        if not entry.model or not entry.group:
            raise InputError(f"{path}, line {entry.line}: empty; valid: a model and its group")
    return entries


def _csv_entries(path: Path) -> Iterable[Entry]:
    table = read_csv(path)
    if sorted(table.columns) != ["group", "model"]:
        raise InputError(f"{path}, line 1: columns {', '.join(table.columns)}; {VALID}")
    rows = zip(table.lines, table.columns["model"], table.columns["group"], strict=True)
    return itertools.starmap(Entry, rows)


def _yaml_entries(path: Path) -> Iterable[Entry]:
    """Read YAML scalars as text, not as values: a model may be called 1 and a group no."""
    import yaml

    with reading(str(path), "a groups file"):
        text = read_file(path, MAX_YAML_BYTES).decode()
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise InputError(f"{path}: nested too deeply; {VALID}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "not valid YAML"
        raise InputError(f"{path}{place}: {reason}; {VALID}") from None
    if not isinstance(tree, yaml.MappingNode):
        raise InputError(f"{path}: no lines 'model: group'; {VALID}")
    for key, value in tree.value:
        line = key.start_mark.line + 1
        if not (isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)):
            raise InputError(f"{path}, line {line}: not a model and its group; {VALID}")
        yield Entry(line, key.value, value.value)
