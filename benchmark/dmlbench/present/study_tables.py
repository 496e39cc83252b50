"""Tables of the findings of a study; after the first, three are those of the paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from dmlbench.comparison.group_tests import GroupComparison
from dmlbench.losses import loss_named
from dmlbench.present.comparison_tables import faithfulness_table
from dmlbench.present.condition_tables import condition_tables, level_table
from dmlbench.present.group_tables import group_tables
from dmlbench.present.intervention_tables import intervention_table, intervention_test_table
from dmlbench.present.loss_columns import NAMES, folds_words, names_of
from dmlbench.present.numbers import joined, number
from dmlbench.present.paper_claims import paper_table
from dmlbench.present.study_agreement_tables import (
    bounds_table,
    correlation_table,
    representation_table,
)
from dmlbench.present.study_level_sentences import weakest_words
from dmlbench.present.table import Cell, Column, Estimate, Row, Table, interval_columns
from dmlbench.scores.registry import MAIN, PAPER, RETRIEVAL, declared
from dmlbench.study.averages import Averaged
from dmlbench.study.findings import AtGain, AtSteps, EqualRetrieval, Findings
from dmlbench.study.search import RATES

CLAIMS = "paper_claims"
"""Name of the table of the paper's findings."""
SIGNIFICANT = 2.576
"""z of the two-sided 1 % of a normal: what table 6 of the paper underlines."""
VALIDATION = tuple(map(declared, ("map_at_r", "precision_at_1")))
"""The scores that a training reports on its validation classes."""


def study_tables(findings: Findings) -> Iterator[tuple[str, Table]]:
    """Yield the name of a file and its table, for every table that has content."""
    yield CLAIMS, paper_table(findings)
    if findings.maps is not None:
        yield "saliency_correlations", correlation_table(findings)
    for score in (MAIN, PAPER):
        yield score.key, property_table(findings, score.key)
    if findings.groups is not None:
        yield from group_tables(findings.groups).items()
    if findings.families is not None:
        yield from _family_tables(findings.families)
    for label in findings.classes:
        yield f"retrieval_{label}", retrieval_table(findings, label)
    if findings.maps is not None:
        yield "saliency_bounds", bounds_table(findings, findings.maps)
        if findings.maps.faithfulness:
            loss_of = {model: loss for model, (loss, _) in findings.maps.names.items()}
            yield (
                "saliency_faithfulness",
                faithfulness_table(
                    findings.maps.faithfulness, lambda model: loss_named(loss_of[model]).title
                ),
            )
    for method, other in findings.other_maps.items():
        yield f"saliency_{method}", bounds_table(findings, other, method)
    if findings.representations is not None:
        yield "representations", representation_table(findings)
    if findings.trainings:
        yield "training", training_table(findings)
    if findings.searches:
        yield "training_search", search_table(findings)
    yield from equal_tables(findings)
    if findings.interventions:
        yield "interventions", intervention_table(findings)
        yield "intervention_tests", intervention_test_table(findings)
    yield from condition_tables(findings)


def equal_tables(findings: Findings) -> Iterator[tuple[str, Table]]:
    """Yield tables of the losses at equal MAP@R, if the study compares them there."""
    equal = findings.equal_map_at_r
    if equal is None:
        return
    at = "at equal validation MAP@R"
    levels = ", ".join(f"fold {fold}: {number(level, 4)}" for fold, level in equal.levels.items())
    rows: list[Row] = []
    for loss, by_fold in equal.points.items():
        points = list(by_fold.values())
        end = (findings.trainings[loss].trained or {}).get("map_at_r")
        mean_level = sum(point.map_at_r for point in points) / len(points)
        epochs = ", ".join(str(point.epoch) for point in points)
        # An epoch of a group of losses can be longer than that of another.
        of_epoch = findings.recipe.training_of(loss).get("steps")
        steps = of_epoch and ", ".join(str(of_epoch * point.epoch) for point in points)
        unseen = equal.retrieval.get(loss)
        rows.append((*names_of(loss), epochs, steps, mean_level, equal.gap(loss), end, unseen))
    columns = (
        *(*NAMES, Column("epochs", role="words"), Column("steps", role="words")),
        *(Column("MAP@R", 4), Column("largest distance from the level", 4)),
        *(Column("MAP@R of the best epoch", 4), Column("MAP@R on other classes", 4)),
    )
    note = (
        f"Level: the highest MAP@R on the validation classes that all these losses reached "
        f"({levels}). "
        "Of each loss and fold the checkpoint nearest to it, or the best epoch. Other classes: "
        "those that neither training nor validation has, for the chosen models."
    )
    yield "equal_checkpoints", Table(f"Models {at}", columns, rows, note)
    table = _score_table(equal.properties[MAIN.key], list(equal.points), paper=False)
    note = _images_note(findings)
    yield f"equal_{MAIN.key}", Table(f"{MAIN.title} {at}", *table, note)
    if equal.groups is not None:
        for name, tests in group_tables(equal.groups).items():
            yield f"equal_{name}", dataclasses.replace(tests, title=f"{tests.title}, {at}")
    if equal.interpolated or equal.given_retrieval:
        yield "equal_checks", _checks_table(equal)
    if equal.families is not None:
        yield from _family_tables(equal.families, f", {at}", "equal_")
    others = findings.without_weakest
    if others is not None and others.groups is not None:
        tests = group_tables(others.groups)["group_tests"]
        title = f"{tests.title}, {at}, without {weakest_words(equal)}"
        yield "equal_without_weakest", dataclasses.replace(tests, title=title)
    if findings.further_gains:
        yield "equal_further_gains", _gains_table(findings.further_gains)
    for steps in findings.equal_steps:
        yield f"equal_steps_{steps.steps}", _steps_table(steps)
    if any(each.at_level and each.at_level.points for each in findings.conditions.values()):
        yield "equal_conditions", level_table(findings)


def _checks_table(equal: EqualRetrieval) -> Table:
    """Return by property what other ways to hold MAP@R equal say of the groups."""
    rows: list[Row] = []
    for name in {**equal.interpolated, **equal.given_retrieval}:
        between, controlled = equal.interpolated.get(name), equal.given_retrieval.get(name)
        cells: list[Cell] = [*between.corrected.means.values()] if between else [None, None]
        cells += [between.corrected.delta, between.corrected.p_holm] if between else [None, None]
        cells += [controlled.effect, controlled.p_holm] if controlled else [None, None]
        rows.append((name, *cells))
    groups = equal.groups.groups.names if equal.groups else ()
    columns = (
        Column("property", role="name"),
        *(Column(f"interpolated: mean {group}", MAIN.digits) for group in groups),
        *(Column("interpolated: delta", 2), Column("interpolated: p (Holm)", role="p")),
        Column("partial r given MAP@R on other classes", 2),
        Column("p (Holm) given MAP@R on other classes", role="p"),
    )
    note = (
        f"Interpolated: {MAIN.title} where a training first reaches the level, between the model "
        "before and the one after. Given MAP@R on other classes: of the checkpoints nearest to "
        "the level, given how they retrieve classes that neither training nor validation has."
    )
    return Table("Groups at equal validation MAP@R, checked", columns, rows, note)


def _gains_table(gains: Sequence[AtGain]) -> Table:
    """Return the test of every property at several levels of MAP@R."""
    tested = [(at, at.groups) for at in gains if at.groups is not None]
    names_of_all = dict.fromkeys(name for _, groups in tested for name in groups.properties)
    rows: list[Row] = []
    for name in names_of_all:
        cells: list[Cell] = []
        for at, groups in tested:
            test = groups.properties.get(name)
            between = at.interpolated.get(name)
            cells += [test.corrected.delta, test.corrected.p_holm] if test else [None, None]
            cells.append(between.corrected.p_holm if between else None)
        rows.append((name, *cells))
    columns = [Column("property", role="name")]
    for at, _ in tested:
        columns += [
            Column(f"delta at {at.gain:g}", 2),
            Column(f"p (Holm) at {at.gain:g}", role="p"),
            Column(f"interpolated: p (Holm) at {at.gain:g}", role="p"),
        ]
    sizes = "; ".join(
        f"{at.gain:g}: {' against '.join(str(len(of)) for of in map(groups.groups.of, pair))}"
        for at, groups in tested
        for pair in (groups.groups.names,)
    )
    left = "; ".join(f"{at.gain:g}: {joined(at.left_out)}" for at in gains if at.left_out)
    reached = "; ".join(
        f"{at.gain:g}: "
        + joined([f"{group} {number(level, 4)}" for group, level in at.group_levels().items()])
        for at, _ in tested
    )
    note = (
        "Losses that reach so many times the untrained network's MAP@R on the validation classes "
        f"of every fold, at the checkpoints nearest to it (losses of the groups: {sizes}"
        f"{f'; left out: {left}' if left else ''}). Their validation MAP@R on average: {reached}. "
        "Interpolated: the scores where a training first reaches the level."
    )
    return Table("Groups at several levels of MAP@R", columns, rows, note)


def _steps_table(at: AtSteps) -> Table:
    """Return the test of every property after equal numbers of steps."""
    rows: list[Row] = []
    for name, test in at.tests.items():
        corrected, controlled = test.corrected, test.given_retrieval
        cells: list[Cell] = [*corrected.means.values(), corrected.delta, corrected.delta_ci95]
        p_given = controlled.p_holm if controlled else None
        rows.append((name, *cells, corrected.p_holm, corrected.p_max_t, p_given))
    columns = (
        Column("property", role="name"),
        *(Column(f"mean {group}", MAIN.digits) for group in at.levels),
        *interval_columns("Cliff's delta", 2),
        *(Column("p (Holm)", role="p"), Column("p (max-T)", role="p")),
        Column("p (Holm) given MAP@R", role="p"),
    )
    reached = joined([f"{group} {number(level, 4)}" for group, level in at.levels.items()])
    note = (
        "Folds are averaged first. Losses learn unequally much in as many steps: validation MAP@R "
        f"on average {reached}. Given MAP@R: that of these models."
    )
    return Table(f"Groups by {MAIN.title} after {at.steps} steps", columns, rows, note)


def _family_tables(
    families: GroupComparison, after: str = "", before: str = ""
) -> Iterator[tuple[str, Table]]:
    """Yield the tables of tests that count families, with words after titles and before names."""
    for name, table in group_tables(families).items():
        title = f"{table.title}{after}, losses that differ in one detail counted once"
        yield f"{before}{name}_families", dataclasses.replace(table, title=title)


def property_table(findings: Findings, score: str) -> Table:
    """Return the mean over the folds and its standard deviation, losses by properties."""
    paper = score == PAPER.key
    title = f"{MAIN.title}, the paper's setting" if paper else MAIN.title
    table = _score_table(findings.properties[score], findings.losses, paper=paper)
    return Table(title, *table, _score_note(findings, paper=paper))


def _score_table(
    by_property: Mapping[str, Mapping[str, Averaged]], losses: Sequence[str], *, paper: bool
) -> tuple[Sequence[Column], list[Row]]:
    """Return columns and rows, losses by properties."""
    rows: list[Row] = []
    for loss in losses:
        cells = [_averaged(by_property[name][loss], paper=paper) for name in by_property]
        rows.append((*names_of(loss), *cells))
    return (*NAMES, *(Column(name, MAIN.digits) for name in by_property)), rows


def _images_note(findings: Findings) -> str:
    dataset = findings.datasets["properties"]
    many = folds_words(findings, "Mean and standard deviation")
    return f"{many}; {dataset.title}, {dataset.images} images."


def _score_note(findings: Findings, *, paper: bool) -> str:
    marked = (
        f"Marked: {SIGNIFICANT} and above, as in table 6 of the paper."
        if paper
        else "In brackets: not above what permuted labels score, in some fold."
    )
    return f"{_images_note(findings)} {marked}"


def retrieval_table(findings: Findings, label: str) -> Table:
    """Return the retrieval scores of each loss, with intervals."""
    rows: list[Row] = []
    for loss in findings.losses:
        scores = findings.classes[label][loss]
        cells = [
            cell
            for declaration in RETRIEVAL
            for cell in (scores[declaration.key].mean, scores[declaration.key].ci95)
        ]
        rows.append((*names_of(loss), *cells))
    columns = [
        column
        for score in RETRIEVAL
        for column in interval_columns(score.short, score.digits, of=f" of {score.short}")
    ]
    dataset = findings.datasets["classes"]
    note = (
        f"{folds_words(findings)}, {dataset.title}, {dataset.images} images. "
        "Intervals: what other images of these classes would change (jackknife)."
    )
    return Table(f"Retrieval of {label}", (*NAMES, *columns), rows, note)


def training_table(findings: Findings) -> Table:
    """Return one row per loss: scores on validation classes before and after training."""
    rows = []
    for loss, training in findings.trainings.items():
        trained = training.trained or {}
        cells = [
            scores.get(declaration.key)
            for declaration in VALIDATION
            for scores in (training.untrained, trained)
        ]
        beats = f"{training.beats} of {training.folds}" if training.trained else None
        rows.append((*names_of(loss), *cells, beats))
    columns = (
        *NAMES,
        *(
            Column(title, score.digits)
            for score in VALIDATION
            for title in (f"{score.short} before", score.short)
        ),
        Column("folds that beat the untrained network"),
    )
    note = "On validation classes, which no loss was trained on; the best epoch by MAP@R."
    return Table("Training", columns, rows, note)


def search_table(findings: Findings) -> Table:
    """Return one row per trial: its learning rates and its MAP@R; the chosen one is marked."""
    search = findings.recipe.search
    assert search is not None
    rows: list[Row] = []
    for loss, searched in findings.searches.items():
        for place, trial in enumerate(searched.trials, start=1):
            rates = [f"{trial.rates[name]:g}" if name in trial.rates else "" for name in RATES]
            score = Estimate(trial.map_at_r, marked=trial is searched.best)
            rows.append((*names_of(loss), place, *rates, score))
    titles = ("trunk", "embedder", "loss's own parameters")
    columns = (
        *(*NAMES, Column("trial", 0)),
        *(Column(f"learning rate: {title}", role="words") for title in titles),
        Column("MAP@R", VALIDATION[0].digits),
    )
    note = (
        f"Trials of {search.steps} steps on fold {search.fold}: the rates of the profile, then "
        f"by turns higher and lower ones by random factors up to {search.factor:g}. MAP@R on "
        "validation classes; marked: the rates that the loss is trained with."
    )
    return Table("Search for learning rates", columns, rows, note)


def _averaged(score: Averaged, *, paper: bool) -> Estimate:
    return Estimate(
        score.mean,
        std=score.std,
        bracketed=not paper and score.is_chance,
        marked=paper and score.mean is not None and score.mean >= SIGNIFICANT,
    )
