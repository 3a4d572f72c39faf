"""Activations of one number, a module a family: value, first and second derivative."""
