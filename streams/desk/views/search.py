"""Finding an account, a campaign, a refusal, or who came from an address block."""

from __future__ import annotations

import ipaddress

import numpy as np
from siphonwatch.detector.request.columns import hash_strings
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.reference import LENGTH
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.desk.views.strongest import Strongest


def found(desk: Desk, wanted: str, among: Strongest) -> list[str]:
    """Names of accounts and campaigns that ``wanted`` may mean; an address is hashed here and kept nowhere."""
    wanted = wanted.strip()
    if not wanted:
        return []
    campaigns = [one.name for one in desk.context.campaigns if wanted in (one.name, str(one.number))]
    named = [desk.named(wanted)] if desk.book.account(desk.named(wanted)) is not None else []
    if wanted != desk.named(wanted) and desk.book.account(wanted) is not None:
        named.append(wanted)
    referred = desk.referred(wanted) if len(wanted) == LENGTH and wanted.isalnum() else []
    return list(dict.fromkeys([*campaigns, *named, *referred, *_of_block(desk, wanted, among)]))


def _of_block(desk: Desk, wanted: str, among: Strongest) -> list[str]:
    """Accounts of which a kept network is that of the address or the block ``wanted``: a /24, or a /48 of IPv6."""
    try:
        network = ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return []
    least, kept = (24, 24) if network.version == 4 else (48, 48)
    if network.prefixlen < least:
        raise UsageError(f"a block of at most /{kept} can be looked up: what is kept of an address is the hash of its /{kept}")
    address = network.network_address
    text = str(address).rpartition(".")[0] if network.version == 4 else ":".join(str(address).split(":")[:3])
    hashed = (hash_strings([text], desk.hash_key) >> np.uint64(32)).astype(np.uint32)[0]
    holds = (among.rows["slots"]["sample_block"] == hashed).any(axis=(1, 2)) if among.names else np.zeros(0, bool)
    return [among.names[at] for at in np.flatnonzero(holds).tolist()]
