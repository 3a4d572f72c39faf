"""What a terminal can show."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

# These have no Braille: one knows no more than ASCII, the other's fonts have 512 glyphs.
_PLAIN = ("dumb", "linux")


def ascii_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether only ASCII should be drawn: so say ``TERM``, or the locale's encoding.

    >>> ascii_only({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}), ascii_only({"LANG": "en_GB.UTF-8"})
    (True, False)
    """
    if environment.get("TERM") in _PLAIN:
        return True
    # The first that is set and not empty decides, as in setlocale(3).
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    if not locale and sys.platform in ("win32", "darwin"):
        return False
    return "utf8" not in locale.lower().replace("-", "")
