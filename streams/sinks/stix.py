"""Findings as STIX 2.1 bundles (OASIS, 2021): a campaign or a sighting of an account, with reasons as a note, under one identity.

Ids are made from what they are of (UUIDv5), so that the same finding is the same objects wherever it arrives, and a later one is a new
version of them.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.sinks.links import link
from siphonwatch.streams.sinks.ocsf import TECHNIQUES, TITLES

SPACE = uuid.UUID("3f0c2c39-1f0c-5b1f-9a0e-7d1a0b6d9b52")  # of our own objects
OBSERVABLES = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")  # of observables, by the standard (2.9)
BEGAN = "2026-01-01T00:00:00.000Z"  # when the identity was made: it never changes


def stix(finding: bytes, desk: str = "") -> bytes:
    """A finding (JSON) as a bundle."""
    return msgspec.json.encode(bundle(decode(finding), desk))


def bundle(one: Finding, desk: str = "") -> dict[str, Any]:
    """The bundle for a finding; ``desk`` is the address that its link begins with."""
    kind, at = str(one.__struct_config__.tag), _time(one.at)
    maker = _made("identity", "siphonwatch", BEGAN, BEGAN, name="siphonwatch", identity_class="system")
    names = one.members if isinstance(one, CampaignVerdict) else [one.subject] if not one.subject.startswith("campaign-") else []
    accounts = [_account(name) for name in names]
    common: dict[str, Any] = {"created_by_ref": maker["id"]}
    if not isinstance(one, LimitVerdict):
        common["confidence"] = min(round(100 * one.score), 100)
    refs = [{"source_name": "mitre-atlas", "external_id": each, "description": TECHNIQUES.get(each, each)} for each in _techniques(one)]
    if where := link(one, desk):
        refs.append({"source_name": "siphonwatch desk", "url": where})
    if refs:
        common["external_references"] = refs
    told = f"{TITLES[kind]}: " + "; ".join(reason.text for reason in one.reasons)
    if one.campaign:
        since = _time(one.since) if isinstance(one, CampaignVerdict) else at
        about = _made("campaign", one.campaign, min(since, at), at, name=one.campaign, description=told, first_seen=since, **common)
    else:
        about = _made("indicator", one.subject, at, at, name=f"{TITLES[kind]}: {one.subject}", description=told,
                      pattern=f"[user-account:user_id = '{_quoted(one.subject)}']", pattern_type="stix", valid_from=at,
                      indicator_types=["anomalous-activity"], **common)  # fmt: skip
    note = _made("note", one.id, at, at, abstract=TITLES[kind], content=told, object_refs=[about["id"], *(each["id"] for each in accounts)],
                 created_by_ref=maker["id"])  # fmt: skip
    objects = [maker, about, *accounts, note]
    return {"type": "bundle", "id": f"bundle--{uuid.uuid5(SPACE, one.id)}", "objects": objects}


def _made(type_: str, of: str, created: str, modified: str, **fields: Any) -> dict[str, Any]:
    named = uuid.uuid5(SPACE, f"{type_}:{of}")
    return {"type": type_, "spec_version": "2.1", "id": f"{type_}--{named}", "created": created, "modified": modified, **fields}


def _account(name: str) -> dict[str, Any]:
    """An observable: its id is made of its user id, so that everybody's is the same."""
    contributing = msgspec.json.encode({"user_id": name}).decode()
    return {
        "type": "user-account", "spec_version": "2.1", "id": f"user-account--{uuid.uuid5(OBSERVABLES, contributing)}", "user_id": name,
    }  # fmt: skip


def _techniques(one: Finding) -> list[str]:
    return list(dict.fromkeys(reason.atlas for reason in one.reasons))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
