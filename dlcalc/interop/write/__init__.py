"""Nets as source: the languages there are, and what their writers share."""
