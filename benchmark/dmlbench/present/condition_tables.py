"""Tables of a study's conditions: what other batches, rates or seeds change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean, stdev

from dmlbench.losses import loss_named
from dmlbench.present.numbers import joined, number
from dmlbench.present.table import Cell, Column, Estimate, Row, Table, names
from dmlbench.scores.registry import MAIN, declared
from dmlbench.study.conditions import ConditionFindings, moved_by_seed
from dmlbench.study.findings import Findings, mean_ceiling, mean_r

MAP_AT_R = declared("map_at_r")


def condition_tables(findings: Findings) -> Iterator[tuple[str, Table]]:
    """Yield the name of a file and its table: all conditions by property, then each by loss."""
    if not findings.conditions:
        return
    yield "conditions", _by_property(findings)
    for name, condition in findings.conditions.items():
        yield f"condition_{name}", _by_loss(name, condition)


def training_words(condition: ConditionFindings) -> str:
    """Return the options that differ as text.

    >>> training_words(ConditionFindings(training={"seed": 1, "hyperparameters": \
{"warmup": 5}}, folds=1, changes={}, retrieval={}, maps=None))
    'seed 1, warmup 5'
    """
    options = dict(condition.training)
    options |= options.pop("hyperparameters", {})
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _by_property(findings: Findings) -> Table:
    tests = findings.groups.properties if findings.groups else {}
    groups = list(findings.groups.groups.names) if findings.groups else []
    rows: list[Row] = []
    for name in findings.properties[MAIN.key]:
        cells = []
        if groups:
            test = tests.get(name)
            means = [test.corrected.means[group] for group in groups] if test else []
            cells.append(Estimate(means[0] - means[1] if means else None))
        for condition in findings.conditions.values():
            changes = condition.changes.get(name, {}).values()
            cells.append(_over_losses([change.value for change in changes]))
        rows.append((name, *cells))
    columns = (
        Column("property", role="name"),
        *([Column(" - ".join(groups), MAIN.digits)] if groups else []),
        *(Column(name, MAIN.digits) for name in findings.conditions),
    )
    said = "; ".join(
        f"{name}: {training_words(condition)}" for name, condition in findings.conditions.items()
    )
    note = (
        f"Change of {MAIN.title} from the same losses as the study trains them, mean and standard "
        f"deviation over the losses ({said})."
    )
    if groups:
        note += f" Beside it the difference between the means of {' and '.join(groups)} losses."
    return Table("What conditions of training change", columns, rows, note)


def level_table(findings: Findings) -> Table:
    """Return by condition and property where its losses lie at equal MAP@R, and how far they move.

    Beside it stands how far they are from the losses of the other group.
    """
    compared = {
        name: (condition, at)
        for name, condition in findings.conditions.items()
        if (at := condition.at_level) is not None and at.points
    }
    rows: list[Row] = []
    for condition_name, (condition, at) in compared.items():
        for name in at.scores:
            distances = None if condition.is_replicate else at.distances(name)
            by_seed = moved_by_seed(findings.conditions.values(), name)
            cells: tuple[Cell, ...] = (None,) * 5
            if distances is not None:
                cells = (
                    *(at.other_means[name], distances.usual, distances.changed),
                    f"{distances.nearer} of {distances.losses}",
                    {None: "", True: "yes", False: "no"}[distances.exceeds_seed(by_seed)],
                )
            moved = (*at.means(name), at.move(name), by_seed)
            rows.append((condition_name, name, *moved, *cells))
    columns = (
        *names("condition", "property"),
        *(Column("study", MAIN.digits), Column("condition", MAIN.digits)),
        *(Column("moves a loss by", MAIN.digits), Column("another seed does by", MAIN.digits)),
        Column("mean of the other group", MAIN.digits),
        *(
            Column("distance from it: study", MAIN.digits),
            Column("distance: condition", MAIN.digits),
        ),
        *(
            Column(title, role="words")
            for title in ("losses that are nearer", "by more than a seed")
        ),
    )
    levels = "; ".join(
        f"{name}: "
        + joined(
            [
                f"{loss} {number(mean([point.map_at_r for point in by_fold.values()]), 4)}"
                for loss, by_fold in at.points.items()
            ]
        )
        for name, (_, at) in compared.items()
    )
    note = (
        f"{MAIN.title} of the checkpoints nearest to the level of MAP@R at which losses are "
        "compared, in the mean over the losses of each condition and its folds: as the study "
        "trains them and in the condition. Moves and distances are means of sizes, loss by loss. "
        "The other group, as the study trains it, is that of which the condition has no losses. By "
        "more than a seed: the losses are nearer to it by more than another seed moves a loss, as "
        "would be where the groups differ in how they are trained. Where a condition changes "
        "nothing, that happens in one of ten properties (docs/validity.md). Validation MAP@R: "
        f"{levels}."
    )
    return Table("Conditions at equal validation MAP@R", columns, rows, note)


def _by_loss(name: str, condition: ConditionFindings) -> Table:
    properties = list(condition.changes)
    losses = list(dict.fromkeys(loss for by in condition.changes.values() for loss in by))
    label = next(iter(condition.retrieval), None)
    rows: list[Row] = []
    for loss in losses:
        row: list[str | Estimate | float | None] = [loss_named(loss).title, loss_named(loss).group]
        if label is not None:
            row += condition.retrieval[label][loss][MAP_AT_R.key]
        if condition.maps is not None:
            pairs = list(condition.maps.pairs.get(loss, {}).values())
            row += [mean_r(pairs), mean_ceiling(pairs)]
        for key in properties:
            change = condition.changes[key].get(loss)
            row.append(Estimate(change.value, change.ci95) if change else None)
        rows.append(row)
    columns = (
        *names("loss", "group"),
        *(
            (Column("MAP@R in the study", MAP_AT_R.digits), Column("MAP@R", MAP_AT_R.digits))
            if label is not None
            else ()
        ),
        *((Column("r of maps"), Column("ceiling")) if condition.maps is not None else ()),
        *(Column(key, MAIN.digits) for key in properties),
    )
    note = (
        f"Trained with {training_words(condition)}. Change of {MAIN.title} by property with its "
        "paired 95 % interval, which other images would change; what another training would is "
        "seen where a condition has another seed. r of maps with those of the same loss in the "
        "study."
    )
    return Table(f"Condition {name}", columns, rows, note)


def _over_losses(values: Sequence[float]) -> Estimate:
    if not values:
        return Estimate(None)
    return Estimate(mean(values), std=stdev(values) if len(values) > 1 else None)
