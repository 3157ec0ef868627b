"""Lines between centres and the city that can be made as bad as lines are."""
