"""Property checks for everything that is registered, here and elsewhere."""
