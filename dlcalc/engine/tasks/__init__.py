"""The tasks of train-toy: what is learnt, drawn from a seed or read from a file."""
