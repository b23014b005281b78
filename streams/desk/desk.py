"""Answers for a person: one account beside the population, the worst accounts, campaigns."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import numpy as np
from siphonwatch.detector.judging.accounts import RECORD, Facts, facts
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.learning.queue import Card
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.features import FEATURES, matrix
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.scoring.population import Summary
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.verdicts.account import Reason, Verdict, number, reasons
from siphonwatch.detector.verdicts.campaign import Campaign
from siphonwatch.detector.verdicts.limit_habits import own_reasons
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.reference import find
from siphonwatch.streams.formats.privacy import PSEUDONYM, pseudonym
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Store

READ_AS = {"bits": "times", "youth": "since sign-up"}  # units as people read them


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """One feature of an account beside the population, ready to print."""

    name: str
    unit: str
    value: str
    median: str
    p99: str
    weight: float


@dataclass(frozen=True, slots=True)
class AccountReport:
    """All that is known of one account."""

    facts: Facts
    features: list[FeatureLine]
    verdict: Verdict | None
    reasons: list[Reason]  # of the account itself, as it stands now
    limits: list[str]  # how it stands to its rate limits, in words; empty where it never came near them


class Desk:
    """A live store as a person sees it. Only rulings are written."""

    def __init__(self, store: Store, prior: Prior, settings: Settings, account_key: str = "") -> None:
        self._store, self._key = store, account_key
        stored = store.context()
        self.context = snapshot.unpack_context(stored, settings) if stored else Context(height=settings.flag_odds)
        self.engine = Engine(prior, settings, self.context)

    @property
    def summary(self) -> Summary:
        """The population that verdicts are given by now."""
        return self.engine.summary

    def named(self, account: str) -> str:
        """The account as it is stored: a plain id becomes its pseudonym where there is a key, a pseudonym stays one."""
        return pseudonym(account, self._key) if self._key and not account.startswith(PSEUDONYM) else account

    def referred(self, number: str) -> list[str]:
        """The accounts that are not clear whose refusals carry this reference number."""
        return find(number, self._store.standings(), self._key)

    def account(self, account: str) -> AccountReport:
        """One account; ``UsageError`` where it is not known."""
        account = self.named(account)
        value = self._store.account(account)
        if value is None:
            raise UsageError(f"no account {account} in the store: it sent nothing yet, or was idle for two weeks, or --topic is another")
        row, record = _split(value)
        found = matrix(self.engine.view(row))
        features, over, summary = found[0], self.engine.over_median(found)[0], self.summary
        lines = []
        for at, one in enumerate(FEATURES):
            shown, median, p99 = (number(each, one) for each in (features[at], summary.median[at], summary.p99[at]))
            lines.append(FeatureLine(one.name, READ_AS.get(one.unit, one.unit), shown, median, p99, float(over[at])))
        return AccountReport(
            facts=facts(account, record),
            features=sorted(lines, key=lambda line: -line.weight),
            verdict=self._store.verdict(account),
            reasons=reasons(features, over, summary),
            limits=[one.text for one in own_reasons(row[0], record, np.flatnonzero(record["limit_counts"]).tolist())],
        )

    def top(self, count: int) -> list[AccountReport]:
        """The accounts of strongest evidence."""
        return [self.account(account) for account in self._store.top(count)]

    def campaign(self, name: str) -> Campaign:
        """One campaign by its name; ``UsageError`` where it is not known."""
        for one in self.context.campaigns:
            if name in (one.name, str(one.number)):
                return one
        known = ", ".join(one.name for one in self.context.campaigns) or "none yet"
        raise UsageError(f"no campaign {name}; known are: {known}")

    def rulings(self) -> list[Ruling]:
        """What analysts have ruled, oldest first."""
        return self._store.rulings()

    def rule(self, subject: str, harvest: bool | None, analyst: str, note: str, days: float | None) -> Ruling:
        """Keep a ruling on an account or a campaign; it counts from the next judging on. ``None`` only allows it for ``days``.

        ``UsageError`` where the subject is not known.
        """
        if subject.startswith("campaign-"):
            self.campaign(subject)
        else:
            subject = self.named(subject)
            self.account(subject)
        ruling = Ruling(secrets.token_hex(4), subject, harvest, analyst, time.time(), note, days)
        self._store.rule(ruling)
        return ruling

    @property
    def queue(self) -> list[Card]:
        """Whom to look at next, as of the newest epoch, without what was ruled on since."""
        ruled = {ruling.subject for ruling in self.rulings() if not ruling.withdrawn}
        return [card for card in self.context.queue if card.account not in ruled and card.campaign not in ruled]

    def take_back(self, ruling: str) -> None:
        """Take a ruling back: nothing of it stays in the model."""
        self._store.take_back(ruling)


def _split(value: bytes) -> tuple[np.ndarray, np.ndarray]:
    row = state.from_bytes([value[: snapshot.STATE_BYTES]])
    return row, np.frombuffer(value[snapshot.STATE_BYTES :], dtype=RECORD)[0]
