"""Annotated source text in, compiled source text and a search space out."""

__version__ = "0.1.0"
