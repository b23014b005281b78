"""What the desk reads from and writes to: a live store, or a finished replay that was kept.

It is a part of :class:`siphonwatch.streams.stores.base.Store`, so every store is a book; :mod:`siphonwatch.streams.desk.kept` is the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.base import Standing
from siphonwatch.streams.stores.erasing import Erased


class Input(msgspec.Struct, frozen=True):
    """Something that was read: a log file by its digest, or a partition up to an offset."""

    name: str
    size: int  # bytes of a file; the offset of the next record of a partition
    sha256: str = ""  # of a file


class Origin(msgspec.Struct, frozen=True):
    """Where what a book says comes from."""

    kind: str  # live or replay
    topic: str
    inputs: list[Input]
    command: list[str] = []  # that makes it again
    version: str = ""  # of siphonwatch, where it was made


class Book(Protocol):
    """See :class:`siphonwatch.streams.stores.base.Store` for what each does; every call may raise ``Unavailable``."""

    def account(self, account: str) -> bytes | None: ...  # noqa: D102
    def accounts(self, names: Sequence[str]) -> list[bytes | None]: ...  # noqa: D102
    def verdict(self, account: str) -> Verdict | None: ...  # noqa: D102
    def top(self, count: int) -> list[str]: ...  # noqa: D102
    def context(self) -> bytes | None: ...  # noqa: D102
    def standings(self) -> dict[str, Standing]: ...  # noqa: D102
    def findings(self, count: int, subject: str | None = None) -> list[bytes]: ...  # noqa: D102
    def rulings(self) -> list[Ruling]: ...  # noqa: D102
    def rule(self, ruling: Ruling) -> None: ...  # noqa: D102
    def take_back(self, ruling: str) -> bool: ...  # noqa: D102
    def erase(self, account: str) -> Erased: ...  # noqa: D102
    def trail(self, start: int = 0) -> list[bytes]: ...  # noqa: D102
    def add_to_trail(self, line: bytes, length: int) -> bool: ...  # noqa: D102
    def secret(self, proposed: bytes) -> bytes: ...  # noqa: D102
    def used_bytes(self) -> int: ...  # noqa: D102
