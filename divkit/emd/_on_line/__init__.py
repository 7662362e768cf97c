"""Sorted points on a line: costs, potentials and certificates in one pass."""
