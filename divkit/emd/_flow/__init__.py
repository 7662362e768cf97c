"""Flows along the arcs of a graph, which transport by shortest paths is."""
