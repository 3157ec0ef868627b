"""The legal heart, pure: no clock, no file, no wire; the same records give the same dossiers on any machine in any year."""
