"""Priors, made from labelled traffic. Nothing that runs in production imports this."""
