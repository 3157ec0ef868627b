"""Redis, as processing meets it."""
