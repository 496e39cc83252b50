"""Tables of a page: all numbers with intervals, and how each model was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlbench.comparison import Comparison
from dmlbench.present.result_tables import absence_notes
from dmlbench.present.table import Column, Estimate, Row, Table, interval_columns, names
from dmlbench.results import Result
from dmlbench.results.files import PropertyScores, Step
from dmlbench.scores.registry import ADJUSTED, MAIN, PAIR_SCORES, PROPERTY_SCORES, readings
from dmlbench.scores.score import ABSENT

_OTHERS = tuple(score for score in PROPERTY_SCORES if score not in (MAIN, ADJUSTED, *PAIR_SCORES))


def score_details(comparison: Comparison) -> Table:
    """Return one row per property and model: NR-Precision, and ARP, which is independent of N."""
    columns = (
        *(*names("property", "model"), Column("images"), Column("labels")),
        *(*interval_columns(MAIN.title, MAIN.digits), Column("chance", MAIN.digits)),
        *(*interval_columns(ADJUSTED.title, ADJUSTED.digits), Column("chance", ADJUSTED.digits)),
        Column("note", role="words"),
    )
    rows: list[Row] = []
    for name, model, scored in _entries(comparison):
        main, adjusted = scored.scores[MAIN.key], scored.scores[ADJUSTED.key]
        rows.append(
            (
                *(name, model, scored.n, scored.labels),
                *(main.value, main.ci95, main.chance),
                *(adjusted.value, adjusted.ci95, adjusted.chance),
                "inside chance" if main.is_chance else "",
            )
        )
    notes = dict.fromkeys(
        note
        for model in comparison.models
        for note in absence_notes(
            {name: comparison.properties[name][model.id] for name in comparison.varied}
        )
    )
    return Table("Scores with intervals", columns, rows, " ".join(notes))


def other_scores(comparison: Comparison) -> Table:
    """Return one row per property and model: the other scores, each with its interval."""
    scores = (Column(score.title, score.digits) for score in _OTHERS)
    rows: list[Row] = []
    for name, model, scored in _entries(comparison):
        others = (scored.scores.get(declaration.key, ABSENT) for declaration in _OTHERS)
        rows.append((name, model, *(Estimate(score.value, score.ci95) for score in others)))
    columns = *names("property", "model"), *scores
    return Table("Other scores (95 % interval)", columns, rows, readings(_OTHERS))


def pair_details(comparison: Comparison) -> Table:
    """Return one row per pair of models."""
    columns = (
        *(*names("model A", "model B"), Column("images")),
        *(*interval_columns("r", of=" of r"), Column("sd of r")),
        *interval_columns("floor", of=" of floor"),
        *interval_columns("ceiling", of=" of ceiling"),
        *(*interval_columns("JSD", 4, of=" of JSD"), Column("sd of JSD", 4)),
    )
    rows = []
    for pair in comparison.saliency.pairs if comparison.saliency else ():
        r, divergence = pair.correlation, pair.divergence
        rows.append(
            (
                *(comparison.label(pair.a), comparison.label(pair.b), r.images),
                *(r.mean, r.ci95, r.std),
                *(pair.floor.value, pair.floor.ci95, pair.ceiling.value, pair.ceiling.ci95),
                *(divergence.mean, divergence.ci95, divergence.std),
            )
        )
    note = (
        "r: mean and sd in Fisher-z, transformed back. JSD: Jensen-Shannon divergence, natural "
        "logarithm."
    )
    return Table("Maps of all pairs of models", columns, rows, note)


def run_facts(result: Result) -> list[tuple[str, str]]:
    """Return how one model was measured, as (name, text)."""
    run = result.run
    model, settings = run.model, run.settings
    facts = [
        ("model", model.reference),
        ("results", f"{model.id}/{run.dataset.fingerprint}"),
        ("weights, SHA-256", model.weights_sha256 or "not known"),
        ("loss", model.loss or "not known"),
        ("dimensions", str(model.dimensions)),
        ("preprocessing", _listed(model.preprocessing)),
        ("properties", _listed(result.properties.request.model_dump())),
    ]
    if result.saliency is not None:
        request = result.saliency.request.model_dump()
        facts.append(("maps", f"{result.saliency.images} images, {_listed(request)}"))
        if result.saliency.mean_samples is not None:
            facts.append(("noisy copies per image", f"{result.saliency.mean_samples:.1f} (mean)"))
    facts.append(("device asked for", settings.device))
    facts += [(part, text) for part, text in _made(run.steps)]
    facts += [("note", note) for note in run.notes]
    facts += [(file, f"SHA-256 {digest}") for file, digest in run.files.items()]
    return facts


def _entries(comparison: Comparison) -> Iterator[tuple[str, str, PropertyScores]]:
    for name in comparison.varied:
        for model, scores in comparison.properties[name].items():
            yield name, comparison.label(model), scores


def _made(steps: dict[str, Step | None]) -> Iterator[tuple[str, str]]:
    """Yield when and on which hardware each part was computed; equal versions are named once."""
    by_versions: dict[str, list[str]] = {}
    for part, step in steps.items():
        if step is None:
            continue
        where = step.hardware.get("accelerator") or step.hardware.get("processor")
        yield f"{part} made", f"{step.finished}, {step.seconds:.1f} s on {where}"
        by_versions.setdefault(_listed(step.versions, ", "), []).append(part)
    for versions, parts in by_versions.items():
        yield "versions" if len(by_versions) == 1 else f"versions ({', '.join(parts)})", versions


def _listed(mapping: dict[str, object] | dict[str, str], separator: str = ", ") -> str:
    known = {name: value for name, value in mapping.items() if value is not None}
    return separator.join(f"{name} {_text(value)}" for name, value in known.items())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        size = len(value) == 2 and not any(isinstance(part, str) for part in value)
        return (" x " if size else "/").join(map(str, value))
    return str(value)


def all_notes(comparison: Comparison, results: Sequence[Result]) -> list[str]:
    """Return the notes on the comparison and on each model."""
    runs = [result.run for result in results]
    shared = [note for note in runs[0].notes if all(note in run.notes for run in runs)]
    of_one_model = [
        f"{comparison.label(run.model.id)}: {note}"
        for run in runs
        for note in run.notes
        if note not in shared
    ]
    return [*comparison.notes, *shared, *of_one_model]
