"""Pseudonyms at the door: account ids become keyed hashes before anything else sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from siphonwatch.streams.formats.base import Decoded, Decoder

PSEUDONYM = "h:"  # how one begins


def pseudonym(account: str, key: str) -> str:
    """A keyed hash (BLAKE2b, 128 bits, in hexadecimal) of an account id: who has the key can find an account, nobody else can."""
    return (
        PSEUDONYM
        + hashlib.blake2b(account.encode(), key=hashlib.blake2b(key.encode(), digest_size=32).digest(), digest_size=16).hexdigest()
    )


class Pseudonyms:
    """A decoder whose requests carry pseudonyms. The key stays out of everything that is stored or logged."""

    def __init__(self, decoder: Decoder, key: str) -> None:
        self._decoder, self._key = decoder, key
        self._known: dict[str, str] = {}

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See :class:`siphonwatch.streams.formats.base.Decoder`."""
        decoded = self._decoder.decode(records)
        if len(self._known) > 200_000:
            self._known.clear()
        for request in decoded.requests:
            name = self._known.get(request.account_id)
            if name is None:
                name = self._known[request.account_id] = pseudonym(request.account_id, self._key)
            request.account_id = name
            request.api_key_id = None
        return decoded
