"""The centre's outbox: keeps events safe where they arise and brings them to intake when the line allows."""
