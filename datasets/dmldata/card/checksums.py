"""checksums.sha256: digests of all files of a dataset, in the format of `sha256sum -c`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from dmldata.common.errors import DatasetError
from dmldata.contract.manifest import MANIFEST_FILE, Manifest
from dmldata.contract.samples import SAMPLES_FILE

CHECKSUMS_FILE = "checksums.sha256"

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\]+)")


def checksums_text(
    manifest: Manifest, texts: Mapping[str, str | bytes], others: Mapping[str, str]
) -> str:
    """Return one line per file, sorted by name: shards, samples.parquet, dataset.json, `texts`.

    Args:
        others: digests of more files.
    """
    digests = dict(others) | {shard.file: shard.sha256 for shard in manifest.shards}
    digests[SAMPLES_FILE] = manifest.samples.sha256
    digests[MANIFEST_FILE] = hashlib.sha256(manifest.to_json()).hexdigest()
    for name, text in texts.items():
        data = text.encode() if isinstance(text, str) else text
        digests[name] = hashlib.sha256(data).hexdigest()
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def read_checksums(text: str) -> dict[str, str]:
    """Return the digests by file name.

    Raises:
        DatasetError: a line has another form, or names a file twice; names the line's number.

    >>> read_checksums("ab" * 32 + "  README.md\\n")["README.md"][:4]
    'abab'
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if not match:
            raise DatasetError(f"{CHECKSUMS_FILE}: line {number}: not '<sha256>  <file>'")
        digest, name = match.groups()
        if name in digests:
            raise DatasetError(f"{CHECKSUMS_FILE}: line {number}: '{name}' occurs twice")
        digests[name] = digest
    return digests
