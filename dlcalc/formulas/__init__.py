"""Closed forms in the standard library alone."""
