r"""Findings in the Common Event Format, version 0 (ArcSight, *Implementing ArcSight CEF*, revision 26).

A header of seven fields between pipes, in which ``|`` and ``\`` are escaped, and an extension of ``key=value``, in which ``=``, ``\`` and
ends of lines are.
"""

from __future__ import annotations

from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.common.version import program_version
from siphonwatch.streams.sinks.links import link
from siphonwatch.streams.sinks.ocsf import TITLES

SEVERITY = {"clear": 1, "watch": 3, "throttle": 7, "block": 9}
LONGEST = 1023  # characters of a text field, by the standard


def cef(finding: bytes, desk: str = "") -> bytes:
    """A finding (JSON) as one line."""
    return line(decode(finding), desk).encode()


def line(one: Finding, desk: str = "") -> str:
    """The line for a finding; ``desk`` is the address that its link begins with."""
    kind = str(one.__struct_config__.tag)
    level = "watch" if isinstance(one, LimitVerdict) else one.level
    header = ("siphonwatch", "siphonwatch", program_version(), f"siphonwatch-{kind}", TITLES[kind], str(SEVERITY[level]))
    fields = {
        "rt": str(round(one.at * 1000)), "externalId": one.id, "cat": "Model extraction",
        "act": level, "cnt": str(one.requests), "msg": "; ".join(reason.text for reason in one.reasons)[:LONGEST],
        "cs1Label": "techniques", "cs1": " ".join(dict.fromkeys(reason.atlas for reason in one.reasons)),
    }  # fmt: skip
    if not isinstance(one, CampaignVerdict) and not one.subject.startswith("campaign-"):
        fields["suid"] = one.subject[:LONGEST]
    if one.campaign:
        fields |= {"cs2Label": "campaign", "cs2": one.campaign}
    if not isinstance(one, LimitVerdict):
        fields |= {"cfp1Label": "score", "cfp1": f"{one.score:.4f}", "cn1Label": "tokensOut", "cn1": str(one.tokens_out)}
    if isinstance(one, CampaignVerdict):
        fields |= {"cn2Label": "accounts", "cn2": str(one.size)}
    if where := link(one, desk):
        fields["request"] = where[:LONGEST]
    return "CEF:0|" + "|".join(map(_header, header)) + "|" + " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value)


def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
