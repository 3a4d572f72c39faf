"""Model files of other tools, read as data alone: nothing in them is ever run or unpickled."""
