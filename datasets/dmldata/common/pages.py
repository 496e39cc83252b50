"""The look that all pages share: reports, leaderboards, studies and galleries."""

from __future__ import annotations

from importlib import resources


def shared_style() -> str:
    """Return the CSS that pages begin with: colors of both themes, type, and the bar at the top.

    >>> "prefers-color-scheme: dark" in shared_style()
    True
    """
    return resources.files("dmldata.common").joinpath("page.css").read_text("utf-8")
