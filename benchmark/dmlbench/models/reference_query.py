"""Parse the options after a reference: `timm:NAME?weights=FILE&head=drop`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from dmldata.common.errors import UnknownNameError


def parse_reference(reference: str, options: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Split a reference into the name after its scheme and the values of its options.

    Args:
        options: the valid options of this kind of reference; `output` has been removed before.

    Raises:
        UnknownNameError: the reference has an option that is not valid.

    >>> parse_reference("hf:owner/name?pool=mean", ["pool"])
    ('owner/name', {'pool': 'mean'})
    """
    name, _, text = reference.partition(":")[2].partition("?")
    values: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        key, _, value = part.partition("=")
        if key not in options:
            raise UnknownNameError("option", key, (*options, "output"), reference)
        values[key] = unquote(value)
    return name, values
