"""Tables of a page: all numbers with intervals, and how each model was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlbench.compare import Comparison
from dmlbench.compare.comparison import Bound, Spread
from dmlbench.present.result_tables import Table, full_cells, interval, number
from dmlbench.results import Result
from dmlbench.results.files import PropertyScores, Score, Step
from dmlbench.scores.registry import ADJUSTED, MAIN, PROPERTY_SCORES, readings
from dmlbench.scores.score import ABSENT

_OTHERS = tuple(score for score in PROPERTY_SCORES if score not in (MAIN, ADJUSTED))


def score_details(comparison: Comparison) -> Table:
    """Return one row per property and model: NR-Precision, and ARP, which is independent of N."""
    columns = (
        *("property", "model", "images", "labels"),
        *(MAIN.title, "95 % interval", "chance"),
        *(ADJUSTED.title, "95 % interval", "chance"),
        "note",
    )
    rows = []
    for name, model, scores in _entries(comparison):
        cells = [
            cell
            for declaration in (MAIN, ADJUSTED)
            for cell in full_cells(scores.scores[declaration.key], declaration.digits)
        ]
        rows.append((name, model, str(scores.n), str(scores.labels), *cells, scores.note))
    return Table("Scores with intervals", columns, rows)


def other_scores(comparison: Comparison) -> Table:
    """Return one row per property and model: the other scores, each with its interval."""
    columns = ("property", "model", *(declaration.title for declaration in _OTHERS))
    rows = [
        (
            name,
            model,
            *(
                _with_interval(scores.scores.get(declaration.key, ABSENT), declaration.digits)
                for declaration in _OTHERS
            ),
        )
        for name, model, scores in _entries(comparison)
    ]
    return Table("Other scores", columns, rows, readings(_OTHERS))


def pair_details(comparison: Comparison) -> Table:
    """Return one row per pair of models."""
    columns = (
        "model A",
        "model B",
        "images",
        *("r", "95 % interval of r", "sd of r"),
        *("floor", "95 % interval of floor", "ceiling", "95 % interval of ceiling"),
        *("JSD", "95 % interval of JSD", "sd of JSD"),
        "r, same noise",
    )
    rows = []
    for pair in comparison.saliency.pairs if comparison.saliency else ():
        shared = pair.shared_noise.correlation.mean if pair.shared_noise else None
        rows.append(
            (
                comparison.label(pair.a),
                comparison.label(pair.b),
                str(pair.correlation.images),
                *_spread(pair.correlation, 3),
                *_bound(pair.floor),
                *_bound(pair.ceiling),
                *_spread(pair.divergence, 4),
                number(shared, 3),
            )
        )
    return Table("All pairs", columns, rows)


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
    facts.append(("device asked for", settings.device))
    facts += [(part, text) for part, text in _made(run.steps)]
    facts += [("note", note) for note in run.notes]
    facts += [(file, f"SHA-256 {digest}") for file, digest in run.files.items()]
    return facts


def _entries(comparison: Comparison) -> Iterator[tuple[str, str, PropertyScores]]:
    for name, by_model in comparison.properties.items():
        for model, scores in by_model.items():
            yield name, comparison.label(model), scores


def _with_interval(score: Score, digits: int) -> str:
    shown = number(score.value, digits)
    return f"{shown} ({interval(score.ci95, digits)})" if score.ci95 else shown


def _spread(spread: Spread, digits: int) -> tuple[str, str, str]:
    return (
        number(spread.mean, digits),
        interval(spread.ci95, digits),
        number(spread.std, digits),
    )


def _bound(bound: Bound) -> tuple[str, str]:
    return number(bound.value, 3), interval(bound.ci95, 3)


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
        return " x ".join(map(str, value)) if len(value) == 2 else "/".join(map(str, value))
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
