"""Gradients: derived, shown step by step, verified."""
