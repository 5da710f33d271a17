"""Benchmarks of speed and memory in a source checkout: what `dinsegment bench` measures, and comparisons."""
