"""Losses, a module a family: value, gradient, diagonal of the Hessian, and their minimisers."""
