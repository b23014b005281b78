"""What is left of findings and rulings when an account is erased, and the name under which that is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import decode, encode


class Erased(msgspec.Struct, frozen=True):
    """What a store held of an account that was erased."""

    state: bool  # its row, record and verdict
    findings: int  # erased, or rewritten without it
    rulings: int


def digest(account: str) -> str:
    """What is kept of an erased account's name, so that its open panes and old records are not judged again."""
    return hashlib.blake2b(account.encode(), digest_size=16).hexdigest()


def finding_without(finding: bytes, account: str) -> bytes | None:
    """The finding without the account; ``None`` where it is about it."""
    if account.encode() not in finding and msgspec.json.encode(account)[1:-1] not in finding:
        return finding
    found = decode(finding)
    if found.subject == account:
        return None
    if isinstance(found, CampaignVerdict) and account in found.members:
        return encode(msgspec.structs.replace(found, members=[each for each in found.members if each != account]))
    return finding


def ruling_without(ruling: Ruling, account: str) -> Ruling | None:
    """The ruling without the account; ``None`` where it is on it. What was learned of it goes with it."""
    if ruling.subject == account:
        return None
    if account not in ruling.accounts and account not in ruling.others:
        return ruling
    others = [each for each in ruling.others if each != account]
    return msgspec.structs.replace(ruling, accounts=[], others=others, examples=[])  # the next judging fills them in anew


def without_erased(accounts: Iterable[str], erased: dict[str, float], ends: float) -> set[str]:
    """Which of ``accounts`` were erased after ``ends`` (epoch seconds): their requests until then are not judged again."""
    due = {name for name, when in erased.items() if when > ends}
    return {account for account in accounts if digest(account) in due} if due else set()
