"""Other stream processors on the same records: one small fold, a program of its own for each, run by its own interpreter.

The job: read `dossier.reported` from its start, take each event to the state of its dossier (how many events, the last
fact, its time), keep that state and the position. Each program prints one line of JSON: records, dossiers, seconds from its
first record to its last.
"""
