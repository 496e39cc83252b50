"""Tables of how far the models of a study agree, in maps and in embeddings."""

from __future__ import annotations

from dmlbench.comparison.comparison import Pair
from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.present.loss_columns import NAMES, names_of
from dmlbench.present.numbers import extent, range_text
from dmlbench.present.table import Cell, Column, Estimate, Row, Table, interval_columns
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import Findings, MapComparison
from dmlbench.study.representations import mean_value


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
        rows.append((*names_of(row_loss), *cells, *[""] * (len(losses) - row - 1)))
    folds = sorted({fold for _, fold in maps.names.values()})
    note = (
        f"Fold {folds[0]}, {len(maps.keys)} images. Mean and standard deviation over images, in "
        "Fisher-z, transformed back; the two models under different noise."
    )
    columns = *NAMES, *(Column(loss_named(loss).title, 2) for loss in losses)
    return Table("Pearson r of saliency maps", columns, rows, note)


def bounds_table(findings: Findings, maps: MapComparison, method: str | None = None) -> Table:
    """Return one row per loss: correlation with other losses, other folds and other noise.

    Args:
        method: the method of the maps, if it is not that of the study.
    """
    # The control is one and the same network in all folds.
    losses = without_controls(findings.fold_agreement if method is None else ())
    agreement_by_loss = {loss: findings.fold_agreement[loss] for loss in losses}
    rows = []
    for model, (loss, _) in maps.names.items():
        pairs = [pair for pair in maps.pairs if model in (pair.a, pair.b)]
        trained = [pair for pair in pairs if _both_trained(maps, pair)]
        agreement = agreement_by_loss.get(loss)
        on_car = maps.attention_on_car[model]
        rows.append(
            (
                *names_of(loss),
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
        *interval_columns("attention on car"),
    )
    of_method = f", {method}" if method else ""
    images = next((each.images for each in agreement_by_loss.values()), None)
    note = f"Other folds: of the {images} images that all folds have maps of." if images else ""
    return Table(f"What the correlations of maps are read against{of_method}", columns, rows, note)


def representation_table(findings: Findings) -> Table:
    """Return one row per loss: how alike its embeddings are to those of others and of its folds."""
    compared = findings.representations
    assert compared is not None
    rows: list[Row] = []
    for loss in without_controls(findings.losses):
        others, folds = compared.with_other_losses(loss), compared.with_other_folds(loss)
        cells: list[Cell] = []
        before = compared.with_control(loss, UNTRAINED)
        for measure in MEASURES:
            cells += [mean_value(pairs, measure) for pairs in (others, folds, before)]
        rows.append((*names_of(loss), *cells))
    columns = (
        *NAMES,
        *(
            Column(f"{title}, {whom}")
            for title in MEASURES.values()
            for whom in ("other losses", "other folds", "untrained")
        ),
    )
    images = compared.pairs[0].images if compared.pairs else 0
    floors = ", ".join(
        f"{title} {range_text((getattr(pair, measure).floor for pair in compared.pairs), 3)}"
        for measure, title in MEASURES.items()
    )
    note = (
        f"Means over pairs of models of {images} images: with other losses of the same fold, with "
        "the same loss of another fold, and with the untrained network. "
        f"Images of one model in random order give {floors}."
    )
    return Table("How alike embeddings are", columns, rows, note)


def _spread(pair: Pair) -> Estimate:
    return Estimate(pair.correlation.mean, std=pair.correlation.std)


def _both_trained(maps: MapComparison, pair: Pair) -> bool:
    losses = {maps.names[model][0] for model in (pair.a, pair.b)}
    return len(without_controls(losses)) == len(losses)
