"""Small problems: the network simplex on all pairs, in loops that run plain and compiled."""
