"""A second generation, or the counters once more, beside those that are read: watched, compared, removed."""
