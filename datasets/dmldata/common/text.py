"""Text for users: without control characters and credentials; durations and command lines."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata

_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]+:/{1,2}(?:[^\s/@]*@)?[^\s'\"<>]+")
"""A URL; one that was normalized as a path has a single slash. A password may contain quotes."""
_USER = re.compile(r"(:/{1,2})(?:[^/?#]*|[^/?#:]*:(?!\d+(?:[/?#]|$)).*)@")
"""User and password of a URL. The password may contain a slash; a port is not a password."""
_SECRET = re.compile(
    r"([?&;][^=&#;]*(?:token|key|secret|signature|sig|password|passwd|pwd|credential|auth)"
    r"[^=&#;]*=)[^&#;]+",
    re.IGNORECASE,
)
HIDDEN = "***"

_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of invisible characters: controls, text directions, separators."""
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Invisible characters that the spelling of Persian, of Indian languages and of emoji needs."""


def printable(text: str) -> str:
    r"""Escape characters that would control a terminal, except line feeds and tabs.

    The escapes are those of JSON, so a JSON document keeps its meaning.

    >>> print(printable("a\x1b[31mb\n\u202ec"))
    a\u001b[31mb
    \u202ec
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    if unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    return json.dumps(character)[1:-1]


def without_credentials(text: str) -> str:
    """Hide the users, passwords and tokens of URLs in a text.

    >>> without_credentials("cannot read http://ann:pw@host/d?part=1&token=abc.")
    'cannot read http://***@host/d?part=1&token=***'
    """
    if ":/" not in text:
        return text
    return _URL.sub(lambda match: _without(match[0]), text)


def _without(url: str) -> str:
    return _SECRET.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1{HIDDEN}@", url))


def command(*words: object) -> str:
    """Return a command line that can be pasted into a shell, with quotes where needed.

    >>> command("dmlgen", "merge", "my data")
    "dmlgen merge 'my data'"
    """
    return shlex.join(str(word) for word in words)


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(90), duration(7300)
    ('90 seconds', '2 hours')
    """
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
