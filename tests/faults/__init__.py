"""Real processes on real servers, broken on purpose; the oracle is what the centres handed in."""
