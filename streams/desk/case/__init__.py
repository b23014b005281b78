"""A case that can be handed over: what is known, with what it rests on, signed."""
