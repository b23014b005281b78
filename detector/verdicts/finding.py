"""Findings: everything that the engine has to say, each kind told apart by its ``kind`` on the wire."""

from __future__ import annotations

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


def place(finding: Finding) -> tuple[str, str]:
    """Sort key: accounts, then campaigns, then limits, each by name; so that a tick's findings have one order."""
    return type(finding).__struct_config__.tag, finding.subject  # type: ignore[return-value]
