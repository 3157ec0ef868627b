"""The API: dossiers, deadlines, dead letters and misfits for those who may read them."""
