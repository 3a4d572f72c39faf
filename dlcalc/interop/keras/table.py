"""Every layer of Keras that is known, by the name of its class."""

from __future__ import annotations

from dlcalc.interop.keras.layers import LAYERS, Handler
from dlcalc.interop.keras.merge import MERGING
from dlcalc.interop.keras.sequence import SEQUENCES

HANDLERS: dict[str, Handler] = LAYERS | MERGING | SEQUENCES
