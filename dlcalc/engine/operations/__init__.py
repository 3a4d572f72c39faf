"""What each layer does to arrays: a module for each family of `dlcalc.layers`, named alike."""
