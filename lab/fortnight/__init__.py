"""Whole dossier lives of a period whose totals meet published figures exactly."""
