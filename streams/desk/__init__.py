"""What a person asks of a live store, and what a person decides."""
