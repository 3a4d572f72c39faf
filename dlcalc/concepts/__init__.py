"""The catalogue of claims about deep learning: each with the experiment that judges it."""
