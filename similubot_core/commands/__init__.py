"""The commands that the core brings; each is a module with `configure` and `run`."""
