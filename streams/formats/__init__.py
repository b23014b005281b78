"""Log formats: one gateway's records in, :class:`siphonwatch.detector.request.request.Request` out. Nothing else knows formats."""

from __future__ import annotations

from pathlib import Path

from siphonwatch.streams.common import plugins
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats import apisix, azure, bedrock, cloudflare, envoy, kong, litellm, native, nginx, otel
from siphonwatch.streams.formats.auto import AutoDecoder
from siphonwatch.streams.formats.base import DEAD_REASONS, Dead, Decoded, Decoder, Format, RecordDecoder
from siphonwatch.streams.formats.mapping import load, reader
from siphonwatch.streams.formats.privacy import Pseudonyms

# the order in which a record is recognised: the one with the most telling marks first
FORMATS: dict[str, Format] = {
    each.FORMAT.name: each.FORMAT for each in (native, litellm, otel, bedrock, kong, apisix, cloudflare, azure, nginx, envoy)
}


def known() -> dict[str, Format]:
    """Our formats, and those that other packages add under the entry points ``siphonwatch.formats``, each a :class:`Format`."""
    return FORMATS | {name: point.load() for name, point in plugins.added("formats").items() if name not in FORMATS}


def decoder(name: str, mapping: Path | None = None, account_key: str = "") -> Decoder:
    """The decoder called ``name``, or of a ``mapping`` file; account ids are hashed where there is an ``account_key``.

    ``UsageError`` lists the known ones.
    """
    made: Decoder
    formats = known()
    if mapping is not None:
        made = RecordDecoder(reader(load(mapping)))
    elif name == "auto":
        made = AutoDecoder(list(formats.values()))
    elif name == "native":
        made = native.NativeDecoder()
    elif name in formats:
        made = RecordDecoder(formats[name].read)
    else:
        raise UsageError(f"--format {name} is not known; known are: auto, {', '.join(formats)}; for any other log write a --mapping file")
    return Pseudonyms(made, account_key) if account_key else made


def configured_decoder(config: Config) -> Decoder:
    """The decoder that the settings name."""
    return decoder(config.format, config.mapping, config.privacy_account_key.get_secret_value())


__all__ = ["DEAD_REASONS", "FORMATS", "Dead", "Decoded", "Decoder", "Format", "configured_decoder", "decoder", "known"]
