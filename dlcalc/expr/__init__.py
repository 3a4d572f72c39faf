"""Expressions as people type them: the language of ``grad`` and ``step``."""
