"""What the site of the docs adds to MkDocs: doctests of docstrings are blocks of code."""

from __future__ import annotations

from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

BEFORE_FENCES = 28
"""Priority between that of normalizing whitespace and that of reading fences."""


class _Doctests(Preprocessor):
    """Puts fences around doctests, whose prompts Markdown takes for quotes in quotes."""

    def run(self, lines: list[str]) -> list[str]:
        fenced: list[str] = []
        in_fence = in_doctest = False
        for line in lines:
            if line.startswith("```"):
                in_fence = not in_fence
            if in_doctest and not line.strip():
                fenced.append("```")
                in_doctest = False
            elif line.startswith(">>> ") and not in_fence and not in_doctest:
                fenced.append("```pycon")
                in_doctest = True
            fenced.append(line)
        return [*fenced, "```"] if in_doctest else fenced


class _DoctestExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(_Doctests(md), "doctests", BEFORE_FENCES)


def on_config(config: Any) -> Any:
    """Add the extension to those of the pages, which docstrings have, too."""
    config.markdown_extensions.append(_DoctestExtension())
    return config
