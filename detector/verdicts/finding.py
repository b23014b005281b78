"""Findings: everything that the engine has to say, each kind told apart by its ``kind`` on the wire."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.limits import LimitVerdict

Finding = Verdict | CampaignVerdict | LimitVerdict

_decoder: msgspec.json.Decoder[Finding] = msgspec.json.Decoder(Finding)


def encode(finding: Finding) -> bytes:
    """A finding as JSON, with its ``kind``: account, campaign or limits."""
    return msgspec.json.encode(finding)


def decode(value: bytes) -> Finding:
    """The inverse of :func:`encode`."""
    return _decoder.decode(value)


def settled(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of one tick with one verdict an account: its last, from the level that it had before the first."""
    kept: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        before = kept.get(place(finding))
        if isinstance(finding, Verdict) and isinstance(before, Verdict):
            finding = msgspec.structs.replace(finding, previous=before.previous)  # noqa: PLW2901
        kept[place(finding)] = finding
    return [finding for finding in kept.values() if not isinstance(finding, Verdict) or finding.level != finding.previous]


def place(finding: Finding) -> tuple[str, str]:
    """Sort key: accounts, then campaigns, then limits, each by name; so that a tick's findings have one order."""
    return type(finding).__struct_config__.tag, finding.subject  # type: ignore[return-value]
