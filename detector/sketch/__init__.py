"""An account as one fixed-width mergeable row: folding requests into it, merging it, reading it."""
