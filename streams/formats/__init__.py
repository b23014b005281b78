"""Log formats: one gateway's records in, :class:`siphonwatch.detector.request.request.Request` out. Nothing else knows formats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from siphonwatch.streams.common import plugins
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats import (
    apisix,
    azure,
    bedrock,
    cloudflare,
    databricks,
    envoy,
    helicone,
    kong,
    langfuse,
    litellm,
    native,
    nginx,
    openai,
    openrouter,
    otel,
    portkey,
    sglang,
    vertex,
)  # fmt: skip
from siphonwatch.streams.formats.auto import RecognisingDecoder
from siphonwatch.streams.formats.base import DEAD_REASONS, Dead, Decoded, Decoder, Format, MakeDecoder, RecordDecoder
from siphonwatch.streams.formats.lenient import Reading
from siphonwatch.streams.formats.mapping import load, reader
from siphonwatch.streams.formats.privacy import Pseudonyms

# the order in which a record is recognised: the one with the most telling marks first
FORMATS: dict[str, Format] = {
    each.FORMAT.name: each.FORMAT
    for each in (
        native,
        litellm,
        otel,
        bedrock,
        kong,
        apisix,
        cloudflare,
        azure,
        nginx,
        envoy,
        vertex,
        databricks,
        helicone,
        portkey,
        langfuse,
        openrouter,
        openai,
        sglang,
    )
}


def known() -> dict[str, Format]:
    """Our formats, and those that other packages add under the entry points ``siphonwatch.formats``, each a :class:`Format`."""
    return FORMATS | {name: point.load() for name, point in plugins.added("formats").items() if name not in FORMATS}


def decoder(name: str, mapping: Path | None = None, account_key: str = "", account_fields: Sequence[str] = ()) -> Decoder:
    """The decoder called ``name``, or of a ``mapping`` file; account ids are hashed where there is an ``account_key``.

    ``account_fields`` are names in custom metadata that hold the account. ``UsageError`` lists the known formats.
    """
    made: Decoder
    formats = known()
    reading = Reading(name, account_fields=tuple(account_fields))
    if mapping is not None:
        reading.format = "mapping"
        made = RecordDecoder(reader(load(mapping)), reading)
    elif name == "auto":
        made = RecognisingDecoder(list(formats.values()), reading)
    elif name in formats:
        made = RecognisingDecoder([formats[name]], reading, fallback=formats[name])
    else:
        raise UsageError(f"--format {name} is not known; known are: auto, {', '.join(formats)}; for any other log write a --mapping file")
    return Pseudonyms(made, account_key) if account_key else made


def maker(config: Config) -> MakeDecoder:
    """Makes the decoder that the settings name, in this process or another."""
    fields = [each.strip() for each in config.account_fields.split(",") if each.strip()]
    return partial(decoder, config.format, config.mapping, config.privacy_account_key.get_secret_value(), fields)


def configured_decoder(config: Config) -> Decoder:
    """The decoder that the settings name."""
    return maker(config)()


__all__ = ["DEAD_REASONS", "FORMATS", "Dead", "Decoded", "Decoder", "Format", "configured_decoder", "decoder", "known", "maker"]
