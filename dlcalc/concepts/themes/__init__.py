"""The claims, a module a theme: a record and the proof beside it."""
