"""Rules by which hopeless trials are known, one a module."""
