"""The contract between the generator and the benchmark: what a dataset on disk is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports
from dmldata.version import __version__

if TYPE_CHECKING:
    from dmldata.contract.parts import Part
    from dmldata.dataset import open_dataset

__all__ = ["Part", "__version__", "open_dataset"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"Part": "dmldata.contract.parts", "open_dataset": "dmldata.dataset"}
)
