"""Kafka, as processing meets it."""
