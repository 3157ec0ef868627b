"""The line to intake: batches out, answers in, heartbeats."""
