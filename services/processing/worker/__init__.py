"""The worker: one process that folds the partitions it owns."""
