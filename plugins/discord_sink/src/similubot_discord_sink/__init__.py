"""A Discord message that shows live progress and always ends on the final state."""
