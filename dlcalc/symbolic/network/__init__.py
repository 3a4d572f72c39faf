"""Whole networks: their back-propagation as equations, the chain of partial derivatives."""
