"""Checking a whole dataset."""
