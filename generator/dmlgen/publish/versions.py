"""Which version a dataset has to have beside the one that is published already."""

from __future__ import annotations

import re

from dmldata.contract.manifest import Manifest

PARTS = ("major", "minor", "patch")


def change(before: Manifest, now: Manifest) -> str | None:
    """The part of a version that a change of the data asks for; None: the same files.

    Changed or removed pictures are major, added ones minor, anything else (the card, how samples
    are packed) a patch. Pictures count as unchanged where their shard is byte for byte the same.
    """
    if now.to_json() == before.to_json():
        return None
    if now.fingerprint == before.fingerprint:
        return "patch"
    kept = {(shard.split, shard.sha256) for shard in now.shards}
    if all((shard.split, shard.sha256) in kept for shard in before.shards):
        return "minor" if now.images > before.images else "patch"
    return "major"


def version_problem(before: Manifest, now: Manifest) -> str | None:
    """What is wrong with the version of a dataset that takes the place of another, or None."""
    asked = change(before, now)
    if asked is None:
        return None
    least = bumped(before.version, asked)
    if _numbers(now.version) >= _numbers(least):
        return None
    why = {
        "major": "pictures changed or went",
        "minor": "pictures were added",
        "patch": "the files changed, the pictures did not",
    }[asked]
    return (
        f"version {now.version}: {before.name} {before.version} is published there and {why}; "
        f"give --version {least}"
    )


def bumped(version: str, part: str) -> str:
    """
    >>> [bumped("1.2.3", part) for part in PARTS]
    ['2.0.0', '1.3.0', '1.2.4']
    """
    numbers = list(_numbers(version))
    place = PARTS.index(part)
    numbers[place] += 1
    numbers[place + 1 :] = [0] * (len(numbers) - place - 1)
    return ".".join(map(str, numbers))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.split(r"[-+]", version)[0].split("."))
