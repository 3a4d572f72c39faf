"""A net as PyTorch source."""
