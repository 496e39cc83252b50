"""Tables of a page: all numbers with intervals, and how each model was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlbench.compare import Comparison
from dmlbench.compare.comparison import Bound, Spread
from dmlbench.present.result_tables import Table, interval, number
from dmlbench.results import Result
from dmlbench.results.files import PropertyScores, Score, Step

_OTHERS = {
    "nr_precision_paper": ("NR-Precision (paper)", 2),
    "r_precision": ("R-Precision", 3),
    "map_at_r": ("MAP@R", 3),
    "precision_at_1": ("precision@1", 3),
    "ami": ("AMI", 3),
    "nmi": ("NMI", 3),
    "distance_spearman": ("Spearman of distances", 3),
    "arp_within_class": ("ARP within class", 3),
    "decodability": ("decodability", 2),
}
_OTHERS_NOTE = (
    "NR-Precision (paper): as in the released code of Kobs et al., of embeddings that are not "
    "normalised and of at most 1,023 neighbours. R-Precision, MAP@R, precision@1: 1 is perfect, "
    "chance is about the label's share of the images. AMI: k-means against the labels, 0 is "
    "chance; NMI is not adjusted for it. Spearman of distances: of those in the embedding and "
    "those in the property. ARP within class: among the images of one class, such as one car "
    "model. Decodability: what a linear probe reads off embeddings, near or not; 1 is all, 0 "
    "nothing, below 0 worse than a guess."
)
_ABSENT = Score(value=None, ci95=None, chance=None)


def score_details(comparison: Comparison) -> Table:
    """Return one row per property and model: NR-Precision, and ARP, which is independent of N."""
    columns = (
        *("property", "model", "images", "labels"),
        *("NR-Precision", "95 % interval", "chance"),
        *("ARP", "95 % interval", "chance"),
        "note",
    )
    rows = []
    for name, model, scores in _entries(comparison):
        main, arp = scores.scores["nr_precision"], scores.scores["arp"]
        counts = (str(scores.n), str(scores.labels))
        rows.append((name, model, *counts, *_full(main, 2), *_full(arp, 3), scores.note))
    return Table("Scores with intervals", columns, rows)


def other_scores(comparison: Comparison) -> Table:
    """Return one row per property and model: the other scores, each with its interval."""
    columns = ("property", "model", *(title for title, _ in _OTHERS.values()))
    rows = [
        (
            name,
            model,
            *(
                _with_interval(scores.scores.get(score, _ABSENT), digits)
                for score, (_, digits) in _OTHERS.items()
            ),
        )
        for name, model, scores in _entries(comparison)
    ]
    return Table("Other scores", columns, rows, _OTHERS_NOTE)


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


def _full(score: Score, digits: int) -> tuple[str, str, str]:
    return (
        number(score.value, digits),
        interval(score.ci95, digits),
        interval(score.chance, digits),
    )


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
