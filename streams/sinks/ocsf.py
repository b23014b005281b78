"""Findings as OCSF Detection Findings (class 2004, schema 1.5.0), for a SIEM.

Attributes: https://schema.ocsf.io/1.5.0/classes/detection_finding, read 2026-11-24.
"""

from __future__ import annotations

from typing import Any

import msgspec
from siphonwatch.detector.verdicts.account import Reason
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.detector.verdicts.limits import LimitReason, LimitVerdict
from siphonwatch.streams.common.version import program_version

SCHEMA = "1.5.0"
CLASS, CATEGORY = 2004, 2
CREATE, UPDATE, CLOSE = 1, 2, 3
SEVERITY = {"clear": (1, "Informational"), "watch": (2, "Low"), "throttle": (4, "High"), "block": (5, "Critical")}
NEW, RESOLVED = (1, "New"), (4, "Resolved")
ACTIVITY_NAMES = {CREATE: "Create", UPDATE: "Update", CLOSE: "Close"}
TECHNIQUES = {
    "AML.T0024.002": "Exfiltration via AI Inference API: Extract AI Model",
    "AML.T0040": "AI Model Inference API Access",
    "AML.T0005.001": "Create Proxy AI Model: Train Proxy via Replication",
    "AML.T0034": "Cost Harvesting",
    "AML.T0021": "Establish Accounts",
}
ATLAS_VERSION = "5.0"
TITLES = {"account": "Account looks like systematic harvesting", "campaign": "Accounts look like one harvester",
          "limits": "Rate limits are worked around"}  # fmt: skip


def ocsf(finding: bytes) -> bytes:
    """A finding as an OCSF event, both in JSON."""
    return msgspec.json.encode(event(decode(finding)))


def event(one: Finding) -> dict[str, Any]:
    """The event for a finding."""
    kind = str(one.__struct_config__.tag)
    level, activity = _level(one), _activity(one)
    severity, severity_name = SEVERITY[level]
    status, status_name = RESOLVED if activity == CLOSE else NEW
    at = round(one.at * 1000)
    since = one.since if isinstance(one, CampaignVerdict) else one.flagged_at if not isinstance(one, LimitVerdict) else None
    info: dict[str, Any] = {
        "uid": f"{kind}:{one.subject}",
        "title": TITLES[kind],
        "desc": "; ".join(reason.text for reason in one.reasons),
        "types": ["Model extraction"],
        "analytic": {"type_id": 4, "type": "Learning (ML/DL)", "name": "siphonwatch", "uid": f"siphonwatch-{kind}"},
        "attacks": _attacks(one.reasons),
    }
    if since is not None:
        info["first_seen_time"] = round(since * 1000)
    made: dict[str, Any] = {
        "class_uid": CLASS, "class_name": "Detection Finding", "category_uid": CATEGORY, "category_name": "Findings",
        "activity_id": activity, "activity_name": ACTIVITY_NAMES[activity], "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {ACTIVITY_NAMES[activity]}", "time": at, "severity_id": severity, "severity": severity_name,
        "status_id": status, "status": status_name, "message": f"{TITLES[kind]}: {one.subject} ({level})", "finding_info": info,
        "metadata": {
            "version": SCHEMA, "uid": one.id, "event_code": kind,
            "product": {"name": "siphonwatch", "vendor_name": "siphonwatch", "version": program_version()},
        },
        "resources": [{"type": "account", "uid": name} for name in (one.members if isinstance(one, CampaignVerdict) else [one.subject])],
        "observables": [{"name": "account" if kind != "campaign" else "campaign", "type_id": 99, "type": "Other", "value": one.subject}],
        "unmapped": {"requests": one.requests, "campaign": one.campaign, "level": level},
    }  # fmt: skip
    if not isinstance(one, LimitVerdict):
        made["confidence_score"] = round(100 * one.score)
        made["unmapped"]["tokens_out"] = one.tokens_out
    return made


def _level(one: Finding) -> str:
    return "watch" if isinstance(one, LimitVerdict) else one.level


def _activity(one: Finding) -> int:
    if isinstance(one, LimitVerdict) or one.previous == "clear":
        return CREATE
    return CLOSE if one.level == "clear" else UPDATE


def _attacks(reasons: list[Reason] | list[LimitReason]) -> list[dict[str, Any]]:
    """The MITRE ATLAS techniques of the reasons, each once, strongest first."""
    ids = dict.fromkeys(reason.atlas for reason in reasons)
    return [{"version": ATLAS_VERSION, "technique": {"uid": one, "name": TECHNIQUES.get(one, one)}} for one in ids]
