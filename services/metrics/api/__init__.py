"""The API: counters, days, the exact series of Prometheus, the board; reads Redis and never writes."""
