"""The load lab: many centres on bad links, at the hours at which people come, until a promise breaks."""
