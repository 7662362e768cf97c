"""One short file per divergence, which contains its formulas and nothing else."""
