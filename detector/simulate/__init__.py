"""Labelled traffic of the project's own making: for the demo, for tests, and to train the shipped prior.

Behaviours of harvesters and innocents alike are drawn from a wide product space (domain randomisation, Tobin et al. 2017,
arXiv 1703.06907), and each world has a hand of its own: its habits, its log's fields, its lengths.
"""

from siphonwatch.detector.simulate.world import HARVESTS, INNOCENTS, Label, Traffic, World, simulate, varied

__all__ = ["HARVESTS", "INNOCENTS", "Label", "Traffic", "World", "simulate", "varied"]
