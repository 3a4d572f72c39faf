"""The NumPy engine: nets as flat programs of array calls, forward and backward."""
