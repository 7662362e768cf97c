"""Which pairs a plan may need: column generation, and where it starts."""
