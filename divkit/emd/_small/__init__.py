"""Small problems: the network simplex on all pairs, in loops that run interpreted and compiled."""
