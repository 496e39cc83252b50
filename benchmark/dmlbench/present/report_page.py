"""Write the report page from results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from dmlbench.comparison import Comparison, Groups, compare_results
from dmlbench.present.comparison_heat_maps import correlation_grid, property_grid
from dmlbench.present.comparison_tables import by_label, still_note
from dmlbench.present.dendrogram import dendrogram
from dmlbench.present.explorer import MAX_POINTS, explorer_content, perplexity
from dmlbench.present.map_gallery import make_cards, tile_width
from dmlbench.present.page import render_page, script
from dmlbench.present.pair_gallery import make_pair_cards
from dmlbench.present.report_numbers import number_tables
from dmlbench.present.report_sentences import summary
from dmlbench.present.report_tables import all_notes, run_facts
from dmlbench.present.response_plots import response_plots
from dmlbench.present.sweep_strips import make_strips
from dmlbench.results import Result
from dmlbench.sources import ImageSource, open_source
from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic
from dmldata.common.progress import Progress

IMAGES = 8
"""Number of images of a page whose maps are shown, where nothing else is said."""


def find_dataset(
    results: Sequence[Result], source: ImageSource | None, images: int
) -> ImageSource | None:
    """Open the dataset for the page's images: `source`, or the one that the results name.

    Results may come from other people, so a URL that only they name is not opened.

    Returns:
        None if no images are to be shown, or if no model has maps and the dataset is missing.

    Raises:
        InputError: it is another dataset than the results', or there is none where they name it.
    """
    if images == 0:
        return None
    expected = results[0].run.dataset
    hint = f"give the folder of {expected.name} {expected.fingerprint} with --data, or --images 0"
    try:
        if source is None and "://" in expected.url:
            raise InputError(f"{expected.url}: is a URL, which the results alone do not open")
        dataset = source or open_source(expected.url, **expected.options)
    except (InputError, OSError) as error:
        if all(result.saliency is None for result in results):
            return None
        raise InputError(f"images for the report: {error}; {hint}") from None
    if dataset.fingerprint != expected.fingerprint:
        raise InputError(f"{dataset.url}: holds dataset {dataset.fingerprint}; {hint}")
    return dataset


def write_report(
    results: Sequence[Result],
    dataset: ImageSource | None,
    path: Path,
    *,
    title: str | None = None,
    images: int = IMAGES,
    groups: Groups | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Write the page as one self-contained file that loads no other.

    The same results give the same bytes.

    Args:
        results: results of one or more models on one dataset.
        dataset: that dataset, for the images; None leaves the images out.
        images: number of images to show, and of pairs of each model.
        groups: two groups of models to test; see `dmlbench.comparison.compare_results`.

    Raises:
        DatasetError: a shard is damaged.
    """
    comparison = compare_results(results, progress, at_least=1, groups=groups)
    models = comparison.models
    interventions = by_label(comparison, comparison.interventions)
    cards = [] if dataset is None else make_cards(comparison, results, dataset, images)
    explorer = "" if dataset is None else explorer_content(comparison, results, dataset, progress)
    text_of_script, script_hash = script("explorer.js")
    content = {
        "comparison": comparison,
        "sentences": list(summary(comparison)),
        "swept": next((scores.group for scores in interventions.values()), ""),
        "response_plots": list(response_plots(interventions)),
        "strips": [] if dataset is None else make_strips(comparison, results, dataset),
        "properties": property_grid(comparison),
        "difference": [model.label for model in models] if len(models) == 2 else [],
        "still": still_note(comparison),
        "cards": cards,
        "tile": tile_width(len(cards[0].tiles)) if cards else 0,
        "correlations": correlation_grid(comparison),
        "tree": dendrogram(comparison),
        "explorer": Markup(explorer),
        "perplexity": f"{perplexity(min(comparison.dataset.images, MAX_POINTS)):.3g}",
        "pair_cards": (
            [] if dataset is None else make_pair_cards(comparison, results, dataset, images)
        ),
        "numbers": number_tables(comparison, results),
        "notes": all_notes(comparison, results),
        "runs": [(comparison.label(result.model), run_facts(result)) for result in results],
        "measured": _measured(results),
        "script": text_of_script,
        "script_hash": Markup(script_hash) if explorer else "",
    }
    text = render_page(
        "report.html.j2",
        title=title or _title(comparison),
        kind="report",
        sections=list(_sections(content)),
        explained="page",
        **content,
    )
    write_atomic(path, text)
    return comparison


def _sections(content: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the sections that the page has, as (anchor, text)."""
    for anchor, text, needed in (
        ("interventions", "swept group", "swept"),
        ("properties", "properties", "properties"),
        ("images", "maps", "cards"),
        ("pixels", "agreement", "correlations"),
        ("embeddings", "embeddings", "explorer"),
        ("neighbors", "neighbors", "pair_cards"),
        ("numbers", "numbers", "numbers"),
        ("runs", "method", "runs"),
    ):
        if content[needed]:
            yield anchor, text


def _title(comparison: Comparison) -> str:
    models = comparison.models
    if len(models) == 1:
        return f"{models[0].label} on {comparison.dataset.name}"
    return f"{len(models)} models on {comparison.dataset.name}"


def _measured(results: Sequence[Result]) -> str:
    """Return the days of the first and the last measurement."""
    steps = [step for result in results for step in result.run.steps.values() if step is not None]
    days = sorted({step.finished[:10] for step in steps})
    return " to ".join(days[:1] + days[-1:] if len(days) > 1 else days)
