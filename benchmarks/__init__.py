"""Benchmarks: each measures one promise about speed and says on what machine."""
