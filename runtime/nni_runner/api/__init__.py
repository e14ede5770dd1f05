"""Experiments as Python code runs them: what `nni.experiment` offers."""
