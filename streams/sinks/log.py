"""Structured JSON logs: one line a finding, a few lines a batch of dead letters."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.common.deadletters import DeadLetter

log = structlog.get_logger()


class LogSink:
    """See :class:`siphonwatch.streams.sinks.base.Sink`; never unavailable."""

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        for one in map(decode, findings):
            told: dict[str, Any] = {"kind": one.__struct_config__.tag, "subject": one.subject, "event_time": one.at}
            if not isinstance(one, LimitVerdict):
                told |= {"level": one.level, "previous": one.previous, "score": round(one.score, 4)}
            if not isinstance(one, CampaignVerdict):
                told["campaign"] = one.campaign
            else:
                told |= {"size": one.size, "tied_by": one.tied_by}
            log.info("verdict", **told, reasons=[reason.text for reason in one.reasons])

    def dead(self, letters: list[DeadLetter]) -> None:
        """See the protocol."""
        for letter in letters[:5]:
            log.warning("dead letter", **msgspec.to_builtins(letter))
        if len(letters) > 5:
            log.warning("dead letters", more=len(letters) - 5)

    def close(self) -> None:
        """See the protocol."""


def open_sink(url: str) -> LogSink:
    """For ``log:``."""
    return LogSink()
