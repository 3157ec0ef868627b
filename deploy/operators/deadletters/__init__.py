"""The dead letters' workbench: what was rejected, why, what heals it, and another try for what a fix has healed."""
