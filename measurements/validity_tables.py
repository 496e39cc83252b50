"""What the tables of validity.py share: how they are printed, and how a coverage is told."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Bounded(Protocol):
    """A value with its interval, as scores, means and similarities have."""

    value: float | None
    ci95: tuple[float, float] | None


def print_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table as its rows come."""
    titles = list(columns)
    for row in (titles, ["---"] * len(titles)):
        print(f"| {' | '.join(row)} |")
    for cells in rows:
        print(f"| {' | '.join(cells)} |", flush=True)


def percent(hits: NDArray[np.bool_]) -> str:
    """Format a share in percent."""
    return f"{100 * hits.mean():.1f}"


def coverage_cell(measured: Sequence[Bounded]) -> str:
    """Return how often the interval of a dataset covers the mean over all of them.

    In brackets follow the mean, and the width of the intervals over the right width.
    """
    values, intervals = [], []
    for bounded in measured:
        if bounded.value is not None and bounded.ci95 is not None:
            values.append(bounded.value)
            intervals.append(bounded.ci95)
    if not values:
        return "-"
    mean, (low, high) = np.mean(values), np.array(intervals).T
    covered = (low <= mean) & (mean <= high)
    width = np.sqrt(((high - low) ** 2).mean()) / (2 * 2.093 * np.std(values, ddof=1))
    digits = 4 if abs(mean) < 0.01 else 2
    return f"{percent(covered)} ({mean:.{digits}f}, {width:.2f})"
