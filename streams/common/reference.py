"""The reference number of a refusal: what a customer quotes, and an analyst finds the account by.

Ten characters that say nothing to whoever has no access to the store: a keyed hash of the account, the same each time, so that nothing has
to be written down for it. Without a key of the deployment's own anybody who knows an account's id can work out its number, which tells
him nothing that he did not know.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

LENGTH = 10


def reference(account: str, key: str) -> str:
    """The number of ``account``, as the store names it: letters and digits that are not mistaken for each other on the telephone."""
    digest = hashlib.blake2b(account.encode(), key=hashlib.blake2b(key.encode()).digest()[:32], digest_size=8).digest()
    return base64.b32encode(digest).decode().rstrip("=")[:LENGTH]


def find(number: str, accounts: Iterable[str], key: str) -> list[str]:
    """The accounts among ``accounts`` whose number it is."""
    wanted = number.strip().upper()
    return [account for account in accounts if reference(account, key) == wanted]
