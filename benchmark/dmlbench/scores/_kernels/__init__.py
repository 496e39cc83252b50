"""Counting same labels among nearest neighbors, block by block."""
