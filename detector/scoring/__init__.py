"""From rows to evidence: features, the population they are compared with, and the model that adds them up."""
