"""Notes for readers of results."""

from __future__ import annotations

from collections.abc import Mapping

from dmlbench.results.files import KnownSettings, PairCounts


def queries_note(images: int, settings: Mapping[str, object]) -> str | None:
    """Return a note on how many images are queries; None if all of them are.

    Args:
        images: number of embedded images.
        settings: the settings that `dmlbench.scores.score_properties` returns.
    """
    known = KnownSettings.model_validate(settings)
    if known.max_queries >= images:
        return None
    queries = [counts.scores for counts in known.queries.values()]
    if min(queries, default=images) > known.max_queries:
        return f"MAP@R comes from {known.max_queries:,} queries among {images:,} images"
    return f"scores come from {known.max_queries:,} queries among {images:,} images"


def pair_counts(settings: Mapping[str, object], name: str) -> PairCounts | None:
    """Return of how many pairs the scores of pairs of a property are; None if there are none.

    Args:
        settings: the settings that `dmlbench.scores.score_properties` returns.
        name: the property.
    """
    return KnownSettings.model_validate(settings).pairs.get(name)
