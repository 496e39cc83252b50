"""Export a dataset into the forms that other tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports

if TYPE_CHECKING:
    from dmldata.export.exporting import Exported, export_dataset
    from dmldata.export.formats import FORMATS

__all__ = ["FORMATS", "Exported", "export_dataset"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Exported": "dmldata.export.exporting",
        "export_dataset": "dmldata.export.exporting",
        "FORMATS": "dmldata.export.formats",
    },
)
