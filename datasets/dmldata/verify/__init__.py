"""Check every file, sample and row of a dataset."""

from dmldata.verify.verification import Problem, verify

__all__ = ["Problem", "verify"]
