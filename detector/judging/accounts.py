"""The accounts a judge knows: their states, and a record of what was found of each."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging import trace
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.verdicts import limits
from siphonwatch.detector.verdicts.account import Level, probability
from siphonwatch.detector.verdicts.campaign import campaign_name

Array = npt.NDArray[Any]

NOTHING = -99.0  # evidence of an account that was never judged
NEVER = -1
SHARDS = 256  # for good: what is bounded is bounded in each of them, so that it does not matter who holds which
EVIDENCE = ("evidence", "own", "current", "shipped", "plain")  # fields in log-odds

RECORD = np.dtype(
    [
        ("evidence", "<f8"),  # strongest so far, its campaign's included
        ("own", "<f8"),  # strongest so far of its own state alone
        ("current", "<f8"),  # of the last judging, its own state alone
        ("shipped", "<f8"),  # strongest so far by the prior alone, whatever analysts taught: what the flag's height is read from ...
        ("plain", "<f8"),  # ... and by the taught model without what resembles a ruled harvest
        ("requests", "<u8"),  # over the whole log
        ("tokens_out", "<u8"),
        ("requests_at_flag", "<u8"),
        ("tokens_out_at_flag", "<u8"),
        ("flagged_at", "<i8"),  # milliseconds, NEVER where not
        ("seen", "<i8"),  # tick of the last request
        ("held", "<i8"),  # milliseconds: when evidence last supported the level
        ("campaign", "<u4"),  # number of its campaign, 0 for none
        ("level", "u1"),
        ("allowed", "u1"),  # on an analyst's allow list
        ("limit_told", "u1"),  # bit i: the verdict on limits named sign i
        ("limit_counts", "<u4", (limits.OWN,)),  # see :mod:`siphonwatch.detector.verdicts.limits`
        ("limit_peaks", "<u4", (limits.OWN,)),
        *trace.FIELDS,  # see :mod:`siphonwatch.detector.judging.trace`
    ]
)


class Facts(msgspec.Struct, frozen=True):
    """How one account stands: the one way from a record to what is told, written and shown."""

    account_id: str
    level: str
    score: float  # strongest evidence as a probability, [0, 1]
    evidence: float  # the same in natural-log odds
    flagged_at: float | None  # event time at which the level first reached throttle, epoch seconds
    requests: int
    requests_at_flag: int | None
    tokens_out: int
    tokens_out_at_flag: int | None
    campaign: str | None
    allowed: bool  # on an analyst's allow list


def facts(account: str, record: Any) -> Facts:
    """The facts of ``account`` from its record (one element of dtype ``RECORD``)."""
    flagged, number, evidence = int(record["flagged_at"]), int(record["campaign"]), float(record["evidence"])
    ever = flagged != NEVER
    return Facts(
        account_id=account,
        level=Level(int(record["level"])).word,
        score=probability(evidence),
        evidence=evidence,
        flagged_at=flagged / 1000 if ever else None,
        requests=int(record["requests"]),
        requests_at_flag=int(record["requests_at_flag"]) if ever else None,
        tokens_out=int(record["tokens_out"]),
        tokens_out_at_flag=int(record["tokens_out_at_flag"]) if ever else None,
        campaign=campaign_name(number) if number else None,
        allowed=bool(record["allowed"]),
    )


def shard_of(account: str) -> int:
    """The shard of an account, 0 to ``SHARDS`` - 1."""
    return crc32(account.encode()) % SHARDS


class Accounts:
    """Rows and records by account id."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.ids: list[str] = []
        self.rows = state.empty(0)
        self.records = np.zeros(0, dtype=RECORD)
        self.shards = bytearray()  # of each account the number of its shard

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, accounts: list[str]) -> Array:
        """Where each account stands, new ones appended."""
        for account in accounts:
            if account not in self.index:
                self.index[account] = len(self.ids)
                self.ids.append(account)
                self.shards.append(shard_of(account))
        if len(self.ids) > len(self.rows):
            room = max(len(self.ids), len(self.rows) * 5 // 4, 1024) - len(self.rows)  # doubling would hold as much again for nothing
            fresh = np.zeros(room, dtype=RECORD)
            for name in EVIDENCE:
                fresh[name] = NOTHING
            fresh["flagged_at"] = fresh["held"] = fresh["seen"] = NEVER
            fresh["trace"] = trace.UNKNOWN
            self.rows = np.concatenate([self.rows, state.empty(room)])
            self.records = np.concatenate([self.records, fresh])
        return np.fromiter((self.index[account] for account in accounts), np.int64, len(accounts))

    def names(self, position: Array) -> list[str]:
        """The ids of the accounts at ``position`` (N,)."""
        return [self.ids[each] for each in position.tolist()]

    def known(self) -> tuple[Array, Array]:
        """(rows, records) of all accounts, without the spare room."""
        return self.rows[: len(self.ids)], self.records[: len(self.ids)]

    def forget(self, keep: Array) -> list[str]:
        """Drop every account whose ``keep`` (N,) is false; the ids that were dropped."""
        dropped = [self.ids[at] for at in np.flatnonzero(~keep)]
        self.ids = [self.ids[at] for at in np.flatnonzero(keep)]
        rows, records = self.rows[: len(keep)][keep], self.records[: len(keep)][keep]
        self.rows, self.records = rows, records
        self.index = {account: at for at, account in enumerate(self.ids)}
        self.shards = bytearray(np.frombuffer(self.shards, np.uint8)[keep].tobytes())
        return dropped

    def put(self, accounts: list[str], rows: Array, records: Array) -> None:
        """Restore accounts as a store kept them."""
        at = self.positions(accounts)
        self.rows[at] = rows
        self.records[at] = records
