"""A leaderboard: one file of results per model, and ranks over all pairs together."""

from dmlbench.leaderboard.submission import Card, Submission, read_board, submit

__all__ = ["Card", "Submission", "read_board", "submit"]
