"""What a run leaves: one page for people, one document for machines."""
