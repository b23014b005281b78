"""All works, by name."""

from siphonwatch.detector.simulate import asks, documents
from siphonwatch.detector.simulate.work import WORKS, Item, Maker, Opener

ONE_TOKEN = ("classification", "moderation")  # works whose answer is a label
MODULES = (asks, documents)  # which enter their works when they are imported

__all__ = ["MODULES", "ONE_TOKEN", "WORKS", "Item", "Maker", "Opener"]
