"""Experiments written down in a file, in either of NNI's two formats."""
