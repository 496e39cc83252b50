"""Daylight, sky and shade."""
