"""Model files read without a framework; nothing in them is executed."""
