"""What layers do with numbers, value by value and in the standard library alone.

Each output comes with the formula that made it, as Python evaluates it. Nothing
is shared with the engine: windows and sizes are those of the algebra, sums are
plain loops. So these formulas are what answers show, and what the engine is
held against.
"""
