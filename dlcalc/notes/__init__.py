"""Anybody's notes: the claims written in a Markdown text, and their verdicts by line."""
