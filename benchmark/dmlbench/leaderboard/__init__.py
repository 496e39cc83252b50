"""A leaderboard: one file of results per model, and ranks over all pairs together."""

from dmlbench.leaderboard.submission import Card, Submission, earlier_entry, read_board, submit

__all__ = ["Card", "Submission", "earlier_entry", "read_board", "submit"]
