"""Rules that turn gradients into steps: a module for each, and the table of their names."""

from __future__ import annotations

from dlcalc.engine.optimisers.base import Optimiser, Setting
from dlcalc.engine.optimisers.registry import NAMES, find, make

__all__ = ["NAMES", "Optimiser", "Setting", "find", "make"]
