"""What the edge decides, from arguments alone: numbers, fullness, batches, pace, patience, what an answer means."""
