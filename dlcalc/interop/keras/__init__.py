"""Models of Keras as its JSON has them: layers, calls, merges."""
