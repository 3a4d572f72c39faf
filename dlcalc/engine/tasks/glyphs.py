"""Small digits at random positions in an image."""

from __future__ import annotations

from functools import partial

import numpy as np

from dlcalc.engine.tasks.task import Data, Recipe, Task, balanced, task

# Ten digits of five columns and seven rows.
_FONT = """
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
"""
HEIGHT, WIDTH, DIGITS = 7, 5, 10


def font() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The digits as numbers, 1 where there is ink: (10, 7, 5).

    >>> int(font()[1].sum())
    10
    """
    rows = [row.split() for row in _FONT.strip().split("\n")]
    ink = [[[mark == "#" for mark in row[digit]] for row in rows] for digit in range(DIGITS)]
    return np.array(ink, np.float64)


def _glyphs(side: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    targets = balanced(draw, samples, DIGITS)
    top = draw.integers(0, side - HEIGHT + 1, samples)
    left = draw.integers(0, side - WIDTH + 1, samples)
    images = np.zeros((samples, 1, side, side))
    rows = top[:, None, None] + np.arange(HEIGHT)[:, None]
    columns = left[:, None, None] + np.arange(WIDTH)
    images[np.arange(samples)[:, None, None], 0, rows, columns] = font()[targets]
    images += noise * draw.normal(size=images.shape)
    return Data(images, targets)


@task("glyphs")
def glyphs(side: int) -> Task:
    """A digit of 5x7 pixels of 1 on a ground of 0, everywhere equally likely to be."""
    net = "conv:8,k5,p2 relu maxpool:2 conv:16,k3,p1 relu maxpool:2 flatten dense:10"
    recipe = Recipe(net, "adam", 0.005, 32, 15, "cross-entropy")
    draw = partial(_glyphs, side)
    return Task("classes", f"1x{side}x{side}", DIGITS, 2_000, recipe, 0.95, draw, 0.1)
