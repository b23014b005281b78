"""Findings as messages of a Slack-compatible webhook (Slack, Mattermost, Rocket.Chat, Discord's ``/slack``): what a person has to look at.

Only what rose to throttle or block, and campaigns: a channel that tells of everything is read by nobody. Names and reasons are escaped as
Slack's documentation says (&, < and >), so that no account's name is a link or calls a person.
"""

from __future__ import annotations

from typing import Any

import msgspec
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.common.printable import printable
from siphonwatch.streams.sinks.links import link
from siphonwatch.streams.sinks.ocsf import TITLES

ORDER = ("clear", "watch", "throttle", "block")


def worth_a_message(one: Finding) -> bool:
    """Whether somebody should be called."""
    if isinstance(one, LimitVerdict):
        return False
    return isinstance(one, CampaignVerdict) or (ORDER.index(one.level) >= 2 and ORDER.index(one.level) > ORDER.index(one.previous))


def message(finding: bytes, desk: str = "") -> bytes:
    """A finding (JSON) as the body of a post; empty where it is worth no message."""
    one = decode(finding)
    return msgspec.json.encode(post(one, desk)) if worth_a_message(one) else b""


def post(one: Finding, desk: str = "") -> dict[str, Any]:
    """The post for a finding; ``desk`` is the address that its link begins with."""
    kind, name, where = str(one.__struct_config__.tag), _escaped(printable(one.subject)), link(one, desk)
    shown = f"<{where}|{name}>" if where else f"`{name}`"
    level = "" if isinstance(one, LimitVerdict) else f" is at *{one.level}*, score {one.score:.2f}"
    size = f", {one.size} accounts" if isinstance(one, CampaignVerdict) else ""
    reasons = "\n".join(f"• {_escaped(printable(reason.text, 300))}" for reason in one.reasons[:3])
    text = f"{TITLES[kind]}: {shown}{level}{size}\n{reasons}"
    return {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}}]}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
