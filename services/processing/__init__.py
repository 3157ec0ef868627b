"""Processing: works out each dossier's state and legal deadline from the archive, and says what every record did."""
