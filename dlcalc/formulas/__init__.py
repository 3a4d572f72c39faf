"""Closed forms in the standard library alone: the second route behind what is computed."""
