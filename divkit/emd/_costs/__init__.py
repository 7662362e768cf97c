"""Costs as solvers see them: a matrix, a sparse matrix, or points with a metric."""
