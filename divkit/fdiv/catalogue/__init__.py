"""One short file per divergence: mathematics, and nothing else."""
