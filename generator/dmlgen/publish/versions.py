"""The minimum version that a dataset needs, given the version that is published already."""

from __future__ import annotations

import re

from dmldata.contract.manifest import Manifest

PARTS = ("major", "minor", "patch")


def change(before: Manifest, now: Manifest) -> str | None:
    """Return the part of the version that a change of the data raises; None for the same files.

    Changed or removed pictures are major, added ones minor, anything else (the card, how samples
    are packed) is a patch. Pictures count as unchanged if their shard is byte for byte the same.
    """
    if now.to_json() == before.to_json():
        return None
    if now.fingerprint == before.fingerprint:
        return "patch"
    current_shards = {(shard.split, shard.sha256) for shard in now.shards}
    if all((shard.split, shard.sha256) in current_shards for shard in before.shards):
        return "minor" if now.images > before.images else "patch"
    return "major"


def version_problem(before: Manifest, now: Manifest) -> str | None:
    """Return what is wrong with the version of a dataset that replaces another; None if nothing."""
    part = change(before, now)
    if part is None:
        return None
    minimum = bumped(before.version, part)
    if _numbers(now.version) >= _numbers(minimum):
        return None
    why = {
        "major": "pictures were changed or removed",
        "minor": "pictures were added",
        "patch": "the files changed but not the pictures",
    }[part]
    return (
        f"version {now.version}: {before.name} {before.version} is published there and {why}; "
        f"give --version {minimum}"
    )


def bumped(version: str, part: str) -> str:
    """Return a version with one of its PARTS raised by 1.

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
