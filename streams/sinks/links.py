"""Where a person looks at a finding: a page of the desk."""

from __future__ import annotations

from urllib.parse import quote

from siphonwatch.detector.verdicts.finding import Finding


def link(one: Finding, desk: str) -> str:
    """The page of whom a finding is about; empty where no desk is known."""
    if not desk:
        return ""
    kind = "campaign?name=" if one.subject.startswith("campaign-") else "account?id="
    return f"{desk.rstrip('/')}/{kind}{quote(one.subject, safe='')}"
