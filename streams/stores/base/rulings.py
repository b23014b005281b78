"""What people do to a store: rulings, the audit log, an account that is erased."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.streams.stores.erasing import Erased


def merged(given: Mapping[str, Ruling], placed: Mapping[str, Ruling], withdrawn: Collection[str]) -> list[Ruling]:
    """The rulings as they stand, oldest first: what analysts gave, where judgings placed them, and which were taken back."""
    found = [
        msgspec.structs.replace(
            placed.get(name, ruling), withdrawn=name in withdrawn or (name in placed and placed[name].until is not None)
        )
        for name, ruling in given.items()
        if name in placed or name not in withdrawn  # taken back before anybody heard of it
    ]
    return sorted(found, key=lambda ruling: (ruling.given, ruling.id))


class Rulings(Protocol):
    """Rulings, the audit log, and what was erased."""

    def rulings(self) -> list[Ruling]:
        """What analysts have ruled, oldest first."""
        ...

    def rule(self, ruling: Ruling) -> None:
        """Keep a ruling; a judging gives it its place in the log."""
        ...

    def take_back(self, ruling: str) -> bool:
        """Take a ruling back from the next judging on; whether there was one."""
        ...

    def keep(self, rulings: list[Ruling]) -> int:
        """Put back what a store lost of ``rulings``, as they stand; how many it did not know."""
        ...

    def erase(self, account: str) -> Erased:
        """Erase an account: state, verdict, the findings and rulings on it, its name in others.

        The judging drops it at its next step; what is on its way out already is not called back.
        """
        ...

    def erased(self) -> dict[str, float]:
        """:func:`siphonwatch.streams.stores.erasing.digest` of accounts erased lately -> when, epoch seconds."""
        ...

    def trail(self, start: int = 0) -> list[bytes]:
        """The lines of the audit log from ``start`` on, oldest first; as with a list, -1 is the newest alone."""
        ...

    def add_to_trail(self, line: bytes, length: int) -> bool:
        """Append to the audit log, which has ``length`` lines; ``False`` where it has more by now."""
