"""The `similubot` command line: its entry point, and its commands, one module each."""

from similubot_core.cli._main import main

__all__ = ["main"]
