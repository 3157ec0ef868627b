"""What the door decides, from arguments alone: the verdict on each item, the status of an answer, quotas."""
