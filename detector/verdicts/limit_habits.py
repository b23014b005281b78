"""Verdicts on rate limits: one tick's requests held against the limits of accounts, and of one account where several are one campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.accounts import Accounts
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts import limits
from siphonwatch.detector.verdicts.campaign import Campaign, campaign_name
from siphonwatch.detector.verdicts.limits import LimitVerdict

Array = npt.NDArray[Any]


def of_accounts(delta: Array, accounts: Accounts, position: Array, at: int, tick: int, settings: Settings) -> list[LimitVerdict]:
    """Add a tick's rows ``delta`` (N,) to the records of the accounts at ``position`` (N,), and say whose habit it has become by that."""
    rpm, tpm = accounts.rows["rpm"][position], accounts.rows["tpm"][position]
    busy = limits.near(delta, rpm, tpm)
    if not len(busy):
        return []
    counts, peaks = limits.own(delta[busy], rpm[busy], tpm[busy])
    mine = accounts.records[position[busy]]
    mine["limit_counts"] += counts.astype(np.uint32)
    mine["limit_peaks"] = np.maximum(mine["limit_peaks"], peaks)
    fresh = limits.habits(mine["limit_counts"], mine["limit_peaks"], mine["limit_told"], settings)
    mine["limit_told"] |= (fresh << np.arange(limits.OWN)).sum(axis=1).astype(np.uint8)
    accounts.records[position[busy]] = mine
    found = []
    for row in np.flatnonzero(fresh.any(axis=1)).tolist():
        place, number = int(position[busy[row]]), int(mine["campaign"][row])
        reasons = own_reasons(accounts.rows[place], mine[row], np.flatnonzero(fresh[row]).tolist())
        group = campaign_name(number) if number else None
        found.append(LimitVerdict(accounts.ids[place], group, at / 1000, tick, int(mine["requests"][row]), reasons))
    return found


def own_reasons(row: Array, record: Array, signs: list[int]) -> list[limits.LimitReason]:
    """The sentences for some signs of one account, from its row's limits and its record's counts."""
    return [
        limits.reason(
            sign, int(record["limit_counts"][sign]), int(row["tpm" if sign == limits.HUGGING_TOKENS else "rpm"]),
            int(record["limit_peaks"][sign]),
        )
        for sign in signs
    ]  # fmt: skip


def of_campaigns(
    together: Mapping[int, Sequence[tuple[str, Array, int]]], campaigns: list[Campaign], at: int, tick: int, settings: Settings
) -> list[LimitVerdict]:
    """The same over the members of each campaign that were active ``together``, against the largest limit that one of them has.

    ``together`` is: number of a campaign -> (member, its row of the tick (1,), its limit of requests a minute).
    """
    found = []
    for one in campaigns:
        members = sorted(together.get(one.number, ()), key=lambda member: member[0])
        if len(members) < 2:
            continue
        limit = max(rpm for _, _, rpm in members)
        counts, peaks = limits.combined(np.concatenate([row for _, row, _ in members]), limit)
        total, most = np.array(one.limit_counts) + counts, np.maximum(one.limit_peaks, peaks)
        most[limits.HAND_OVER] = one.limit_peaks[limits.HAND_OVER] + peaks[limits.HAND_OVER]
        one.limit_counts, one.limit_peaks = total.tolist(), most.tolist()
        fresh = np.flatnonzero(limits.habits(total[None], most[None], np.array([one.limit_told]), settings)[0]).tolist()
        if fresh:
            one.limit_told |= sum(1 << sign for sign in fresh)
            reasons = [limits.reason(sign, int(total[sign]), limit, int(most[sign])) for sign in fresh]
            found.append(LimitVerdict(one.name, one.name, at / 1000, tick, one.requests, reasons))
    return found
