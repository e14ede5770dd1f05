"""The places where trials run, one file each, under one interface."""
