"""Answers for a person: one account beside the population, the worst accounts, campaigns."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from siphonwatch.detector.judging.accounts import RECORD, Facts, facts
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.scorer import Scorer
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
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.common.reference import find, reference
from siphonwatch.streams.desk import audit
from siphonwatch.streams.desk.book import Book
from siphonwatch.streams.formats.privacy import PSEUDONYM, pseudonym
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.erasing import Erased, digest

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
    """A book as a person sees it. What is written are rulings and the audit log, and what is erased."""

    def __init__(self, store: Book, prior: Prior, settings: Settings, account_key: str = "", hash_key: str = "") -> None:
        self.book, self._key, self._hash_key = store, account_key, hash_key
        stored = store.context()
        self.context = snapshot.unpack_context(stored, settings) if stored else Context(height=settings.flag_odds)
        self.scorer = Scorer(prior, settings, self.context)

    @property
    def summary(self) -> Summary:
        """The population that verdicts are given by now."""
        return self.scorer.summary

    def named(self, account: str) -> str:
        """The account as it is stored: a plain id becomes its pseudonym where there is a key, a pseudonym stays one."""
        return pseudonym(account, self._key) if self._key and not account.startswith(PSEUDONYM) else account

    @property
    def hash_key(self) -> bytes:
        """What the book's addresses are hashed with; ``UsageError`` where the setting is not the one that they were."""
        return HashKey(self._hash_key).agreed(self.book)

    def reference(self, account: str) -> str:
        """The number that refusals of an account, as it is stored, carry."""
        return reference(account, self._key)

    def referred(self, number: str) -> list[str]:
        """The accounts that are not clear whose refusals carry this reference number."""
        return find(number, self.book.standings(), self._key)

    def looked_up(self, account: str) -> tuple[np.ndarray, np.ndarray]:
        """(row (1,), record) of an account by the name that it is stored under; ``UsageError`` where it is not known."""
        value = self.book.account(account)
        if value is None:
            raise UsageError(f"no account {account} in the store: it sent nothing yet, or was idle for two weeks, or --topic is another")
        return _split(value)

    def many(self, names: Sequence[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
        """(names, rows (N,), records (N,)) of those of ``names`` that are known."""
        found = [(name, value) for name, value in zip(names, self.book.accounts(names), strict=True) if value is not None]
        rows = state.from_bytes([value[: snapshot.STATE_BYTES] for _, value in found]) if found else state.empty(0)
        records = np.frombuffer(b"".join(value[snapshot.STATE_BYTES :] for _, value in found), dtype=RECORD)
        return [name for name, _ in found], rows, records

    def account(self, account: str) -> AccountReport:
        """One account; ``UsageError`` where it is not known."""
        account = self.named(account)
        row, record = self.looked_up(account)
        found = matrix(self.scorer.view(row))
        features, over, summary = found[0], self.scorer.over_median(found)[0], self.summary
        lines = []
        for at, one in enumerate(FEATURES):
            shown, median, p99 = (number(each, one) for each in (features[at], summary.median[at], summary.p99[at]))
            lines.append(FeatureLine(one.name, READ_AS.get(one.unit, one.unit), shown, median, p99, float(over[at])))
        return AccountReport(
            facts=facts(account, record),
            features=sorted(lines, key=lambda line: -line.weight),
            verdict=self.book.verdict(account),
            reasons=reasons(features, over, summary),
            limits=[one.text for one in own_reasons(row[0], record, np.flatnonzero(record["limit_counts"]).tolist())],
        )

    def top(self, count: int) -> list[AccountReport]:
        """The accounts of strongest evidence."""
        return [self.account(account) for account in self.book.top(count)]

    def campaign(self, name: str) -> Campaign:
        """One campaign by its name; ``UsageError`` where it is not known."""
        for one in self.context.campaigns:
            if name in (one.name, str(one.number)):
                return one
        known = ", ".join(one.name for one in self.context.campaigns) or "none yet"
        raise UsageError(f"no campaign {name}; known are: {known}")

    def rulings(self) -> list[Ruling]:
        """What analysts have ruled, oldest first."""
        return self.book.rulings()

    def rule(
        self, subject: str, harvest: bool | None, analyst: str, note: str, days: float | None, others: Sequence[str] = ()
    ) -> Ruling:  # fmt: skip
        """Keep a ruling on an account, with ``others`` that are like it, or on a campaign; it counts from the next judging on.

        ``None`` only allows it for ``days``. ``UsageError`` where the subject is not known.
        """
        if subject.startswith("campaign-"):
            self.campaign(subject)
        else:
            subject = self.named(subject)
            self.account(subject)
        ruling = Ruling(secrets.token_hex(4), subject, harvest, analyst, time.time(), note, days, others=list(others))
        self.book.rule(ruling)
        said = {True: "harvest", False: "benign", None: "allow"}[harvest]
        did, more = ("allow", {"days": days}) if harvest is None else ("rule", {"ruling": said})
        audit.write(self.book, analyst, did, subject, id=ruling.id, others=len(others), note=note, **more)
        return ruling

    @property
    def queue(self) -> list[Card]:
        """Whom to look at next, as of the newest epoch, without what was ruled on since."""
        ruled = {name for ruling in self.rulings() if not ruling.withdrawn for name in (ruling.subject, *ruling.others)}
        return [card for card in self.context.queue if card.account not in ruled and card.campaign not in ruled]

    def take_back(self, ruling: str, analyst: str = "unknown") -> bool:
        """Take a ruling back: nothing of it stays in the model. Whether there was one."""
        taken = self.book.take_back(ruling)
        if taken:
            audit.write(self.book, analyst, "undo", ruling)
        return taken

    def erase(self, account: str, who: str) -> Erased:
        """Erase an account, by its id as in the log; the audit log keeps a digest of its name alone."""
        account = self.named(account)
        done = self.book.erase(account)
        audit.write(self.book, who, "erase", f"blake2b:{digest(account)}", state=done.state, findings=done.findings, rulings=done.rulings)
        return done


def _split(value: bytes) -> tuple[np.ndarray, np.ndarray]:
    row = state.from_bytes([value[: snapshot.STATE_BYTES]])
    return row, np.frombuffer(value[snapshot.STATE_BYTES :], dtype=RECORD)[0]
