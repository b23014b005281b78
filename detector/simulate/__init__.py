"""Labelled traffic of the project's own making: for the demo, for tests, and to train the shipped prior."""

from siphonwatch.detector.simulate.world import HARVESTS, INNOCENTS, Label, Traffic, World, simulate

__all__ = ["HARVESTS", "INNOCENTS", "Label", "Traffic", "World", "simulate"]
