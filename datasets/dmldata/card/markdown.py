"""Untrusted text in Markdown: shown as it is, never as markup, HTML or a script."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_WEB = re.compile(r"https?://[^\s<>\[\]\\`|\"']+", re.IGNORECASE)


def one_paragraph(text: str) -> str:
    r"""Return a text without line breaks and control characters.

    >>> one_paragraph("a\n---\n\x1b[1mb")
    'a --- [1mb'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def as_markdown(text: str) -> str:
    """Return Markdown that shows a text as it is.

    >>> as_markdown("[*x*](javascript:y) <script> snake_case")
    '\\\\[\\\\*x\\\\*\\\\](javascript:y) &lt;script&gt; snake_case'
    """
    escaped = _MARKUP.sub(lambda match: f"\\{match[0]}", one_paragraph(text))
    return re.sub("[&<>]", lambda match: _HTML[match[0]], escaped)


def link(text: str, url: str) -> str:
    """Return a link to a web page; if `url` is anything else, both as text.

    >>> link("MIT", "https://spdx.org/licenses/MIT.html")
    '[MIT](https://spdx.org/licenses/MIT.html)'
    >>> link("MIT", "javascript:alert(1)")
    'MIT, javascript:alert(1)'
    """
    if _WEB.fullmatch(url) is None or one_paragraph(url) != url:
        return f"{as_markdown(text)}, {as_markdown(url)}"
    return f"[{as_markdown(text)}]({url.replace('(', '%28').replace(')', '%29')})"


def code_block(language: str, text: str) -> str:
    """Return a fenced code block, whose fence is longer than any in the text.

    >>> print(code_block("yaml", "a: 1"))
    ```yaml
    a: 1
    ```
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
