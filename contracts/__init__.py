"""What the parts promise each other: events, topics, lifecycle records, reference data, the HTTP face. Knows no service."""
