"""The network simplex: a spanning tree, its pivots, and a forest to start from."""
