"""A dataset as a notebook shows it: its first pictures and what varies in them."""

from __future__ import annotations

import base64
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from dmldata.common.contact_sheet import jpeg_sheet

if TYPE_CHECKING:
    from dmldata.dataset import Dataset

PICTURES, COLUMNS, WIDTH = 12, 6, 160
"""Pictures that are shown, how many in a row, and the width of each in pixels."""


def first_pictures(dataset: Dataset) -> str:
    """Return HTML with the first pictures of a dataset, its factors that vary and their values."""
    pictures = [item.image for item in islice(dataset.samples_iter(with_mask=False), PICTURES)]
    sheet = base64.b64encode(jpeg_sheet(pictures, COLUMNS, WIDTH)).decode()
    rows = "".join(
        f"<tr><td>{escape(factor.key)}</td><td>{len(factor.values)}</td>"
        f"<td>{escape(factor.unit)}</td><td>{escape(factor.meaning)}</td></tr>"
        for factor in dataset.manifest.factors
        if factor.varies
    )
    return (
        f"<p>{escape(repr(dataset)[1:-1])}</p>"
        f'<img alt="The first {len(pictures)} images" src="data:image/jpeg;base64,{sheet}">'
        "<table><thead><tr><th>factor</th><th>values</th><th>unit</th><th>meaning</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
