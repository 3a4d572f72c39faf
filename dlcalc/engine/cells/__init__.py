"""Recurrent cells: one direction of one layer each, with the loops over its steps."""
