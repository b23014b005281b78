"""One tick of the log: what was folded is merged, scored, judged and told."""
