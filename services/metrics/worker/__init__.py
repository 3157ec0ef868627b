"""The counting process: a Faust application on a batch transport, and its own door."""
