"""Benchmarks, run by asv: one file per package, peers beside us in the same run."""
