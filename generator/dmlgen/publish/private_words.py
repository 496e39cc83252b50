"""Find what in a text reveals the machine that made it: folders, users, tokens, passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_REST = r"""[^\s"'`<>|)\]},;]*"""
"""The rest of a path in a text: up to a space, a quote or a closing bracket."""

_PATHS = re.compile(
    rf"""
    (?i:\b(?:file|local):/){_REST}               # file:///home/ada
    |(?i:\b[a-z][a-z0-9+.-]{{0,20}}):///{_REST}   # sqlite:////home/ada, a URL without a host
    |(?<![\w./])/{{1,2}}(?:home|Users|root|mnt|media|Volumes|tmp|private|var|srv|scratch|export)/
        (?=[\w.@~+-]){_REST}                     # /home/ada: folders of people, disks, scratch
    |(?<![\w./~])(?:~|\$HOME|\$\{{HOME\}}|%USERPROFILE%)[/\\](?=[\w.@+-]){_REST}
    |(?<![\w])[A-Za-z]:\\+(?=[\w.@+-]{{2}}){_REST}  # C:\Users\ada
    |(?<![\w])(?:[A-Z]:/+(?=[\w.@+-]{{2}})|[a-z]:/+(?=[Uu]sers/)){_REST}  # C:/Users/ada
    |(?<![\w\\])\\{{2,4}}[\w.-]{{2,}}\\{{1,2}}(?=\w){_REST}  # \\server\share
    """,
    re.VERBOSE,
)
_ROOTED = re.compile(rf"(?<![\w./:~<}}\\])/[\w.@+-]+/[\w.@+-]{_REST}")
"""Text that may be a path or prose, such as /data/set."""
_SYSTEM = re.compile(r"/(bin|dev|etc|lib|lib64|proc|sbin|sys|usr)(/|$)")
"""Folders that exist on every machine."""

_TOKENS = re.compile(
    r"""
    (?<![A-Za-z0-9_-])(?:
        hf_[A-Za-z0-9]{16,}                          # Hugging Face
        |(?:AKIA|ASIA)[0-9A-Z]{16}                   # AWS
        |gh[pousr]_[A-Za-z0-9]{16,}                  # GitHub
        |github_pat_\w{16,}
        |glpat-[\w-]{16,}                            # GitLab
        |sk-(?=[\w-]*[0-9])[\w-]{20,}                # OpenAI, Anthropic
        |xox[abeprs]-[\w-]{10,}                      # Slack
        |AIza[\w-]{30,}                              # Google
        |ya29\.[\w-]{16,}
        |npm_[A-Za-z0-9]{30,}
        |pypi-[\w-]{30,}
        |dckr_pat_[\w-]{16,}                         # Docker
        |eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}       # JSON web token
    )
    |-----BEGIN\ (?:[A-Z]+\ )*PRIVATE\ KEY-----
    """,
    re.VERBOSE,
)
_NAMED_SECRET = re.compile(
    r"""
    (?<![A-Za-z0-9])(?P<name>\w{0,30}(?:password|passwd|secret|token|(?:api|access|secret)[_-]?key))
    ["']?\s*[:=]\s*["']?
    (?=[^\s"']{0,99}[0-9])(?=[^\s"']{0,99}[A-Za-z])
    [\w/+.=~-]{12,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_URL_USER = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,20}://(?:[^\s/@:\"'<>]*:[^\s/@\"'<>]+)@([\w.-]+)", re.I
)
_URL_TOKEN = re.compile(
    r"""\b[a-z][a-z0-9+.-]{0,20}://([\w.-]*)[^\s"'<>]{0,999}?[?&]
    (?:(?:access_|auth_)?token|api_?key|sig|signature|password|secret|X-Amz-(?:Signature|Credential))
    =[^&\s"'<>]+""",
    re.VERBOSE | re.IGNORECASE,
)
_URL = re.compile(
    r"""\b(?![a-z0-9+.-]{0,20}(?:file|local):)[a-z][a-z0-9+.-]{1,20}://(?!/)[^\s"'<>?#,;|)\]]*""",
    re.I,
)
"""A URL with a host. One without (git+file:///home/ada) is a path of this machine."""


def private_words(text: str, users: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield each path, user name (of `users`) and credential in a text, in words.

    Secrets themselves are not repeated.

    >>> list(private_words("from /home/me/cars/x.glb, https://a.org/b/c, a/b/c, /data/set"))
    ["the path '/home/me/cars/x.glb'"]
    >>> list(private_words("made by ada", frozenset({"ada"})))
    ["the user name 'ada'"]
    >>> list(private_words("see https://me:secret@example.org/x"))
    ["a URL of 'example.org' with a password"]
    """
    for match in _URL_USER.finditer(text):
        yield f"a URL of '{match[1]}' with a password"
    for match in _URL_TOKEN.finditer(text):
        yield f"a URL of '{match[1]}' with a token"
    for match in _TOKENS.finditer(text):
        yield f"a token or key that begins with '{match[0][:4]}'"
    for match in _NAMED_SECRET.finditer(text):
        if not _TOKENS.search(match[0]):
            yield f"a value of '{match['name']}'"
    # The path of a URL is on another machine and public.
    local = _URL.sub("", text)
    for match in _PATHS.finditer(local):
        yield f"the path '{_shown(match[0])}'"
    for match in _ROOTED.finditer(local):
        if not _PATHS.match(local, match.start()) and _is_of_a_machine(_shown(match[0])):
            yield f"the path '{_shown(match[0])}'"
    for user in sorted(users):
        if re.search(rf"(?<!\w){re.escape(user)}(?!\w)", local):
            yield f"the user name '{user}'"


def _shown(path: str) -> str:
    return path.rstrip(".:!?")


def _is_of_a_machine(path: str) -> bool:
    """Return whether a path exists on this machine, or names a file two folders deep or more."""
    if _SYSTEM.match(path):
        return False
    candidate = Path(path)
    if len(candidate.parts) > 3 and candidate.suffix:
        return True
    try:
        return candidate.exists()
    except OSError:
        return False
