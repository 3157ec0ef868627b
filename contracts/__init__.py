"""What the parts promise each other on the wire: events, topics, lifecycle records, reference data. Knows no service."""
