"""What the operator sees: the command, the health port, the log."""
