"""Annotated source text in, compiled source text and a search space out."""
