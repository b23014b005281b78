"""Log formats: one gateway's records in, :class:`detector.request.Request` out. Nothing else knows formats."""

from __future__ import annotations

from streams.errors import UsageError
from streams.formats.base import DEAD_REASONS, Dead, Decoded, Decoder
from streams.formats.native import NativeDecoder

FORMATS: dict[str, type[Decoder]] = {"native": NativeDecoder}


def decoder(name: str) -> Decoder:
    """The decoder called ``name``; ``UsageError`` lists the known ones."""
    try:
        return FORMATS[name]()
    except KeyError:
        raise UsageError(f"--format {name} is not known; known are: {', '.join(FORMATS)}") from None


__all__ = ["DEAD_REASONS", "FORMATS", "Dead", "Decoded", "Decoder", "decoder"]
