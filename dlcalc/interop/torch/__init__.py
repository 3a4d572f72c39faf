"""What PyTorch writes of a module: the text of print, and source of nn.Sequential."""
