"""The tests of the transfers; a package, so that they share the server's behaviours."""
