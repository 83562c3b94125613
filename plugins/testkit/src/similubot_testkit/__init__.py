"""similubot-testkit: what the authors of plugins test with; it needs only the core."""
