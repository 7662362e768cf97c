"""Certificates of optimality: how they are computed, and the rule by which they are accepted."""
