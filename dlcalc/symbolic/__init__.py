"""Gradients as formulas: derived, simplified, written, and held against numbers."""
