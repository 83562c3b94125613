"""What speaks with Discord: the client, its commands, buttons and messages."""
