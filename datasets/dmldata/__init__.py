"""The contract between generator and benchmark: what a dataset on disk is.

`open_dataset` and `Part` can be had from here; `verify` is in `dmldata.verify.verification`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmldata.version import __version__

if TYPE_CHECKING:
    from dmldata.contract.parts import Part
    from dmldata.dataset import open_dataset

__all__ = ["Part", "__version__", "open_dataset"]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: `import dmldata` costs nothing."""
    if name == "Part":
        from dmldata.contract.parts import Part

        return Part
    if name == "open_dataset":
        from dmldata.dataset import open_dataset

        return open_dataset
    raise AttributeError(f"module 'dmldata' has no attribute '{name}'")
