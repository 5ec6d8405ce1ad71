"""Benchmarks of the server and its alternatives: `python -m benchmarks`."""
