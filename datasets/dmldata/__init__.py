"""The contract between generator and benchmark: the format of a dataset on disk.

Import `open_dataset` and `Part` from here; `verify` is in `dmldata.verify.verification`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmldata.version import __version__

if TYPE_CHECKING:
    from dmldata.contract.parts import Part
    from dmldata.dataset import open_dataset

__all__ = ["Part", "__version__", "open_dataset"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import dmldata` is fast."""
    if name == "Part":
        from dmldata.contract.parts import Part

        return Part
    if name == "open_dataset":
        from dmldata.dataset import open_dataset

        return open_dataset
    raise AttributeError(f"module 'dmldata' has no attribute '{name}'")
