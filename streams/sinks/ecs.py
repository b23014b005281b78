"""Findings as events of the Elastic Common Schema 9.

Fields: https://www.elastic.co/docs/reference/ecs/ecs-field-reference, read 2026-11-25; the tests hold them against Elastic's own types.
"""

from __future__ import annotations

from typing import Any

import msgspec
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.common.times import rfc3339
from siphonwatch.streams.common.version import program_version
from siphonwatch.streams.sinks.links import link
from siphonwatch.streams.sinks.ocsf import TECHNIQUES, TITLES

SCHEMA = "9.4.0"
SEVERITY = {"clear": 0, "watch": 21, "throttle": 73, "block": 99}  # as Elastic's detection rules number low, high and critical
KINDS = {"clear": "event"}  # the others are alerts


def ecs(finding: bytes, desk: str = "") -> bytes:
    """A finding as an ECS event, both in JSON."""
    return msgspec.json.encode(event(decode(finding), desk))


def event(one: Finding, desk: str = "") -> dict[str, Any]:
    """The event for a finding; ``desk`` is the address that its link begins with."""
    kind = str(one.__struct_config__.tag)
    level = "watch" if isinstance(one, LimitVerdict) else one.level
    names = list(dict.fromkeys(reason.atlas for reason in one.reasons))
    made: dict[str, Any] = {
        "@timestamp": rfc3339(one.at),
        "ecs": {"version": SCHEMA},
        "message": f"{TITLES[kind]}: {one.subject} ({level})",
        "event": {
            "id": one.id, "kind": KINDS.get(level, "alert"), "category": ["threat"], "type": ["indicator"], "module": "siphonwatch",
            "dataset": f"siphonwatch.{kind}", "severity": SEVERITY[level], "provider": "siphonwatch",
            "reason": "; ".join(reason.text for reason in one.reasons),
        },
        "observer": {"vendor": "siphonwatch", "product": "siphonwatch", "type": "detector", "version": program_version()},
        "rule": {"id": f"siphonwatch-{kind}", "name": TITLES[kind], "category": "Model extraction", "ruleset": "siphonwatch"},
        "threat": {"framework": "MITRE ATLAS", "technique": {"id": names, "name": [TECHNIQUES.get(name, name) for name in names]}},
        "labels": {"siphonwatch_level": level, "siphonwatch_requests": str(one.requests)},
        "tags": ["siphonwatch", level],
    }  # fmt: skip
    members = one.members if isinstance(one, CampaignVerdict) else [one.subject] if not one.subject.startswith("campaign-") else []
    made["related"] = {"user": members}
    if len(members) == 1:
        made["user"] = {"id": members[0]}
    if one.campaign:
        made["group"] = {"id": one.campaign, "name": one.campaign}
    if not isinstance(one, LimitVerdict):
        made["event"]["risk_score"] = round(100 * one.score, 1)
    if where := link(one, desk):
        made["event"]["url"] = made["event"]["reference"] = where
    return made
