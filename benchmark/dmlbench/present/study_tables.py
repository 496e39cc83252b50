"""Tables of the findings of a study; after the first, three are those of the paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from dmlbench.comparison.comparison import Pair
from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.present.comparison_tables import faithfulness_table
from dmlbench.present.condition_tables import condition_tables
from dmlbench.present.group_tables import group_tables
from dmlbench.present.numbers import extent, number, range_text
from dmlbench.present.paper_claims import paper_table
from dmlbench.present.table import Cell, Column, Estimate, Row, Table, names, with_interval
from dmlbench.scores.registry import MAIN, PAPER, RETRIEVAL, declared
from dmlbench.study.averages import Averaged
from dmlbench.study.changes import UNTRAINED, apart
from dmlbench.study.findings import Findings, MapComparison
from dmlbench.study.representations import mean_value
from dmlbench.study.search import RATES

CLAIMS = "paper_claims"
"""Name of the table of the paper's findings."""
SIGNIFICANT = 2.576
"""z of the two-sided 1 % of a normal: what table 6 of the paper underlines."""
NAMES = names("loss", "group")
SENSITIVITY, SAME_CAR = map(declared, ("sensitivity", "retrieval_under_intervention"))
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


def correlation_table(findings: Findings) -> Table:
    """Return the mean and standard deviation over images of the maps' r, losses by losses."""
    maps = findings.maps
    assert maps is not None
    model_of = {loss: model for model, (loss, _) in maps.names.items()}
    losses = [loss for loss in findings.losses if loss in model_of]
    rows = []
    for row, row_loss in enumerate(losses):
        cells: list[Cell] = [
            None
            if row_loss == column_loss
            else _spread(maps.pair(model_of[row_loss], model_of[column_loss]))
            for column_loss in losses[: row + 1]
        ]
        rows.append((*_named(row_loss), *cells, *[""] * (len(losses) - row - 1)))
    folds = sorted({fold for _, fold in maps.names.values()})
    note = (
        f"Fold {folds[0]}, {len(maps.keys)} images. Mean and standard deviation over images, in "
        "Fisher-z, transformed back; the two models under different noise."
    )
    columns = *NAMES, *(Column(loss_named(loss).title, 2) for loss in losses)
    return Table("Pearson r of saliency maps", columns, rows, note)


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
        rows.append((*_named(loss), epochs, mean_level, equal.gap(loss), end))
    columns = (
        *(*NAMES, Column("epochs", role="words")),
        *(Column("MAP@R", 4), Column("largest distance from the level", 4)),
        Column("MAP@R of the best epoch", 4),
    )
    note = (
        f"Level: the highest MAP@R on the validation classes that all losses reached ({levels}). "
        "Of each loss and fold the checkpoint nearest to it, or the best epoch."
    )
    yield "equal_checkpoints", Table(f"Models {at}", columns, rows, note)
    table = _score_table(equal.properties[MAIN.key], list(equal.points), paper=False)
    note = _images_note(findings)
    yield f"equal_{MAIN.key}", Table(f"{MAIN.title} {at}", *table, note)
    if equal.groups is not None:
        tests = group_tables(equal.groups)["group_tests"]
        yield "equal_group_tests", dataclasses.replace(tests, title=f"{tests.title}, {at}")


def intervention_table(findings: Findings) -> Table:
    """Return one row per loss: what changing each group of factors alone does."""
    rows: list[Row] = []
    for loss in findings.losses:
        cells: list[Cell] = []
        for of_group in findings.interventions.values():
            sensitivity = of_group.sensitivity[loss]
            cells += [sensitivity.mean, sensitivity.ci95, of_group.retrieval[loss].mean]
        rows.append((*_named(loss), *cells))
    columns = [
        column
        for group in findings.interventions
        for column in (
            *with_interval(f"{SENSITIVITY.title}: {group}", SENSITIVITY.digits, of=f" ({group})"),
            Column(f"{SAME_CAR.title}: {group}", SAME_CAR.digits),
        )
    ]
    expected = ", ".join(
        f"{group} {number(of_group.retrieval_expected, SAME_CAR.digits)}"
        for group, of_group in findings.interventions.items()
    )
    note = (
        f"{_folds_words(findings)}; {SENSITIVITY.title} in units of the {SENSITIVITY.unit}, with "
        f"intervals over scenes; {SAME_CAR.title}: share of images whose nearest neighbor is "
        "the same car in another setting and not another car in the same setting (random "
        f"embeddings: {expected})."
    )
    return Table("What changing one group of factors alone does", (*NAMES, *columns), rows, note)


def intervention_test_table(findings: Findings) -> Table:
    """Return one row per sweep: its sensitivity in both groups of losses, and with training."""
    names_of_groups = findings.groups.groups.names if findings.groups else ()
    trained = without_controls(findings.losses)
    rows: list[Row] = []
    for group, of_group in findings.interventions.items():
        test, changes = of_group.test, of_group.changes.values()
        tested: tuple[Cell, ...] = (None,) * (len(names_of_groups) + 5)
        if test is not None:
            p_given = test.given_retrieval.p_holm if test.given_retrieval else None
            tested = (
                *test.corrected.means.values(),
                *(test.corrected.delta, test.corrected.delta_ci95),
                *(test.corrected.p, test.corrected.p_holm, p_given),
            )
        untrained = of_group.sensitivity.get(UNTRAINED)
        higher, lower = (f"{many} of {len(trained)}" for many in apart(changes))
        before = untrained.mean if untrained else None
        rows.append((group, *tested, before, higher, lower))
    columns = (
        *names("changed alone"),
        *(Column(f"mean {name}", SENSITIVITY.digits) for name in names_of_groups),
        *with_interval("Cliff's delta", 2),
        *(Column(title, role="p") for title in ("p", "p (Holm)", "p (Holm) given MAP@R")),
        Column("untrained", SENSITIVITY.digits),
        *(Column(title, role="words") for title in ("higher by training", "lower by training")),
    )
    note = (
        "Folds are averaged first; p exact and two-sided. Higher and lower: losses whose paired "
        "95 % interval of the change from the untrained network excludes 0."
    )
    return Table("Sensitivity in both groups, and with training", columns, rows, note)


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
        rows.append((*_named(loss), *cells))
    return (*NAMES, *(Column(name, MAIN.digits) for name in by_property)), rows


def _folds_words(findings: Findings) -> str:
    folds = len(findings.recipe.folds)
    return f"Mean over {folds} folds" if folds > 1 else "One fold"


def _images_note(findings: Findings) -> str:
    folds = len(findings.recipe.folds)
    many = f"Mean and standard deviation over {folds} folds" if folds > 1 else "One fold"
    dataset = findings.datasets["properties"]
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
        rows.append((*_named(loss), *cells))
    columns = [
        column
        for score in RETRIEVAL
        for column in with_interval(score.short, score.digits, of=f" of {score.short}")
    ]
    dataset = findings.datasets["classes"]
    note = (
        f"Means over {len(findings.recipe.folds)} folds, {dataset.title}, {dataset.images} images. "
        "Intervals: what other images of these classes would change (jackknife)."
    )
    return Table(f"Retrieval of {label}", (*NAMES, *columns), rows, note)


def bounds_table(findings: Findings, maps: MapComparison, method: str | None = None) -> Table:
    """Return one row per loss: correlation with other losses, other folds and other noise.

    Args:
        method: the method of the maps, if it is not that of the study.
    """
    agreement_by_loss = findings.fold_agreement if method is None else {}
    rows = []
    for model, (loss, _) in maps.names.items():
        pairs = [pair for pair in maps.pairs if model in (pair.a, pair.b)]
        trained = [pair for pair in pairs if _both_trained(maps, pair)]
        agreement = agreement_by_loss.get(loss)
        on_car = maps.attention_on_car[model]
        rows.append(
            (
                *_named(loss),
                extent(pair.correlation.mean for pair in trained),
                agreement.r if agreement else None,
                maps.reliability[model].value,
                extent(pair.floor.value for pair in pairs),
                *(on_car.value, on_car.ci95),
            )
        )
    columns = (
        *(*NAMES, Column("r with other losses", 2), Column("r with other folds")),
        *(Column("r under other noise"), Column("r with maps of other images", 2)),
        *with_interval("attention on car"),
    )
    of_method = f", {method}" if method else ""
    return Table(f"What the correlations of maps are read against{of_method}", columns, rows)


def representation_table(findings: Findings) -> Table:
    """Return one row per loss: how alike its embeddings are to those of others and of its folds."""
    compared = findings.representations
    assert compared is not None
    rows: list[Row] = []
    for loss in without_controls(findings.losses):
        others, folds = compared.with_other_losses(loss), compared.with_other_folds(loss)
        cells: list[Cell] = []
        for measure in MEASURES:
            cells += [mean_value(others, measure), mean_value(folds, measure)]
        rows.append((*_named(loss), *cells))
    columns = (
        *NAMES,
        *(
            Column(f"{title}, {whom}")
            for title in MEASURES.values()
            for whom in ("other losses", "other folds")
        ),
    )
    images = compared.pairs[0].images if compared.pairs else 0
    floors = ", ".join(
        f"{title} {range_text((getattr(pair, measure).floor for pair in compared.pairs), 3)}"
        for measure, title in MEASURES.items()
    )
    note = (
        f"Means over pairs of models of {images} images: with other losses trained on the same "
        "classes, and with the same loss trained on other classes. Images of one model in random "
        f"order give {floors}."
    )
    return Table("How alike embeddings are", columns, rows, note)


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
        rows.append((*_named(loss), *cells, beats))
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
            rows.append((*_named(loss), place, *rates, score))
    titles = ("trunk", "embedder", "loss's own parameters")
    columns = (
        *(*NAMES, Column("trial", 0)),
        *(Column(f"learning rate: {title}", role="words") for title in titles),
        Column("MAP@R", VALIDATION[0].digits),
    )
    note = (
        f"Trials of {search.epochs} epochs on fold {search.fold}: the rates of the profile, then "
        f"by turns higher and lower ones by random factors up to {search.factor:g}. MAP@R on "
        "validation classes; marked: the rates that the loss is trained with."
    )
    return Table("Search for learning rates", columns, rows, note)


def _named(loss: str) -> tuple[str, str]:
    return loss_named(loss).title, loss_named(loss).group


def _spread(pair: Pair) -> Estimate:
    return Estimate(pair.correlation.mean, std=pair.correlation.std)


def _averaged(score: Averaged, *, paper: bool) -> Estimate:
    return Estimate(
        score.mean,
        std=score.std,
        bracketed=not paper and score.is_chance,
        marked=paper and score.mean is not None and score.mean >= SIGNIFICANT,
    )


def _both_trained(maps: MapComparison, pair: Pair) -> bool:
    losses = {maps.names[model][0] for model in (pair.a, pair.b)}
    return len(without_controls(losses)) == len(losses)
