"""Measures the server beside what people would use instead: `python -m benchmarks`."""
