"""What a reader of results has to know, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def queries_note(images: int, settings: Mapping[str, Any]) -> str | None:
    """Say how many images are queries; None where all are.

    Args:
        images: that were embedded.
        settings: as `properties.score_properties` states them.
    """
    if settings["max_queries"] >= images:
        return None
    queries = [counts["scores"] for counts in settings["queries"].values()]
    if min(queries, default=images) > settings["max_queries"]:
        return f"MAP@R comes from {settings['max_queries']:,} queries among {images:,} images"
    return f"scores come from {settings['max_queries']:,} queries among {images:,} images"
