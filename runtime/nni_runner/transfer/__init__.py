"""What goes out of an experiment and comes into one: results, and the whole of it."""
