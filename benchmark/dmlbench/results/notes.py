"""Notes for readers of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def queries_note(images: int, settings: Mapping[str, Any]) -> str | None:
    """Return a note on how many images are queries; None if all of them are.

    Args:
        images: number of embedded images.
        settings: the settings that `dmlbench.scores.score_properties` returns.
    """
    if settings["max_queries"] >= images:
        return None
    queries = [counts["scores"] for counts in settings["queries"].values()]
    if min(queries, default=images) > settings["max_queries"]:
        return f"MAP@R comes from {settings['max_queries']:,} queries among {images:,} images"
    return f"scores come from {settings['max_queries']:,} queries among {images:,} images"
