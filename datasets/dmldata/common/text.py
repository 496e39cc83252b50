"""What may be shown of text that came from elsewhere."""

from __future__ import annotations

import json
import re
import unicodedata

_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]+:/{1,2}[^\s'\"<>]+")
"""Of a URL that was taken for a path, one slash is left."""
_USER = re.compile(r"(:/{1,2})(?:[^/?#]*|[^/?#:]*:(?!\d+(?:[/?#]|$)).*)@")
"""A password with a slash in it, which should be spelled %2F, is one too; a port is none."""
_SECRET = re.compile(
    r"([?&;][^=&#;]*(?:token|key|secret|signature|sig|password|passwd|pwd|credential|auth)"
    r"[^=&#;]*=)[^&#;]+",
    re.IGNORECASE,
)
HIDDEN = "***"

_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of characters that act and are not seen: controls, directions, separators."""
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Part of the spelling of Persian, of Indian languages and of emoji."""


def printable(text: str) -> str:
    r"""Spell out characters that would act on a terminal in place of being shown.

    Line feeds and tabs stay. They are spelled as in JSON, so a JSON document stays the same one.

    >>> print(printable("a\x1b[31mb\n\u202ec"))
    a\u001b[31mb
    \u202ec
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_spelled, text))


def _spelled(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    if unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    return json.dumps(character)[1:-1]


def without_credentials(text: str) -> str:
    """Hide what URLs in a text hold beside their address: user, password, tokens.

    >>> without_credentials("cannot read http://ann:pw@host/d?part=1&token=abc.")
    'cannot read http://***@host/d?part=1&token=***'
    """
    if ":/" not in text:
        return text
    return _URL.sub(lambda found: _without(found[0]), text)


def _without(url: str) -> str:
    return _SECRET.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1{HIDDEN}@", url))
