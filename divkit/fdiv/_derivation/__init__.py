"""What is derived from a generator alone, for user-defined and composite divergences."""
