"""One HTML page about models on a dataset, made from results folders and the dataset's images."""

from dmlbench.present.report_page import find_dataset, write_report

__all__ = ["find_dataset", "write_report"]
