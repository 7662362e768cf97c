"""What follows from a generator alone: a user's divergence, and the parts of a composite one."""
