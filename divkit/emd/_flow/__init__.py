"""Transport for the shortest-path metric of a graph, as a flow along its arcs."""
