"""Tuners and assessors of the user's own: found, loaded, and spoken to in NNI's words."""
