"""GPUs: which there are, who is on them, and which trial gets which."""
