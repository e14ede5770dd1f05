"""Parameters in, trials run, their history out."""
