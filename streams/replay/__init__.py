"""Old logs through the very same detector, in event time."""
