"""What the audit decides, pure: its own reading of the logs, sharing no counting code with those whom it checks."""
