"""Metrics in Redis: keys, the guarded scripts, and who calls them."""
