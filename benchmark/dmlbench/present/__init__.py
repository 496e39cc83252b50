"""Write results as tables, figures and HTML pages."""

from dmlbench.present.report_page import find_dataset, write_report

__all__ = ["find_dataset", "write_report"]
