"""The operators' tool: topics, the opening of an archive, reference data."""
