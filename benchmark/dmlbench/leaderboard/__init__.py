"""A leaderboard: one file of results a model, and a page that ranks them where they differ."""

from dmlbench.leaderboard.submission import Card, Submission, read_board, submit

__all__ = ["Card", "Submission", "read_board", "submit"]
