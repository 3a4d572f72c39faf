"""Gradients of expressions in numbers."""
