"""Write results as tables, figures and HTML pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports

if TYPE_CHECKING:
    from dmlbench.present.report_page import find_dataset, write_report

__all__ = ["find_dataset", "write_report"]

__getattr__, __dir__ = lazy_exports(
    __name__, dict.fromkeys(__all__, "dmlbench.present.report_page")
)
