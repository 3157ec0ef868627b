"""The outbox on disk: one SQLite file, one thread that owns it, and what shows that it was replaced."""
