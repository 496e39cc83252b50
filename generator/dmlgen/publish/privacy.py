"""What a published dataset must not tell: folders and users of the machine that made it."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from pathlib import Path

from dmldata.card import CARD_FILES
from dmldata.checksums import CHECKSUMS_FILE
from dmldata.dataset import open_dataset
from dmldata.manifest import MANIFEST_FILE
from dmldata.readme import EXAMPLES_FILE
from dmldata.samples import SAMPLES_FILE
from dmldata.verify import Problem

_PATH = re.compile(
    r"""(?<![\w.~/:<>})-])         # not in a URL, a relative path, a closing tag
        (?:/(?:[\w.@+-]+/)+[\w.@+-]*  # /folder/...
        |[A-Za-z]:\\[^\s"']+           # C:\folder
        |\\\\[\w.-]+\\[^\s"']+)        # \\server\share
    """,
    re.VERBOSE,
)
_COMMON_USERS = {"root", "user", "admin", "ubuntu", "docker", "runner"}
"""Names of accounts that say nothing of a person and are words besides."""


def private_problems(folder: Path) -> Iterator[Problem]:
    """Absolute paths, and the name of the user, in texts and in text columns of the samples."""
    users = _user_names()
    for name in (MANIFEST_FILE, *CARD_FILES):
        if name in (CHECKSUMS_FILE, EXAMPLES_FILE) or not (folder / name).is_file():
            continue
        for number, line in enumerate((folder / name).read_text("utf-8").splitlines(), start=1):
            for what in private_words(line, users):
                yield Problem(name, f"line {number}: {what}")
    samples = open_dataset(str(folder)).samples
    for field in samples.schema:
        if str(field.type) != "string":
            continue
        for text in sorted(set(samples[field.name].to_pylist()) - {None}):
            for what in private_words(text, users):
                yield Problem(SAMPLES_FILE, f"column '{field.name}': {what}")


def private_words(text: str, users: frozenset[str] = frozenset()) -> Iterator[str]:
    """What of a text is an absolute path or one of `users`.

    >>> list(private_words("from /home/me/cars/x.glb, https://a.org/b/c, a/b/c, 1/2", frozenset()))
    ["the path '/home/me/cars/x.glb'"]
    >>> list(private_words("made by ada", frozenset({"ada"})))
    ["the user name 'ada'"]
    """
    for match in _PATH.finditer(text):
        yield f"the path '{match[0].rstrip('.,;')}'"
    for word in sorted(set(re.findall(r"[\w.-]+", text)) & users):
        yield f"the user name '{word}'"


def _user_names() -> frozenset[str]:
    try:
        names = {getpass.getuser(), Path.home().name}
    except (OSError, KeyError, RuntimeError):
        return frozenset()
    return frozenset(name for name in names - _COMMON_USERS if len(name) > 2)
