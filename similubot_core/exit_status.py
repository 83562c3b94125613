"""The exit statuses of the `similubot` command line."""

DONE = 0
FAILED = 1
WRONG_USAGE = 2
CANCELLED = 130
"""As a shell reports a program that SIGINT ended: 128 + 2."""
