"""Where NNI 2.x keeps what belongs to its own processes; trials take `env_vars` from it."""
