"""Tests that build wheels and install them; a package, so that they can share its modules."""
