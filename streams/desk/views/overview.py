"""What a person sees first: what is new, how much waits, how good the flags were, and whether the pipeline is well."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from siphonwatch.detector.scoring.features import off as features_off
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.streams.common.times import day
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.desk.pictures.lines import sparkline
from siphonwatch.streams.desk.views.strongest import Strongest

NEWEST = 200  # findings looked back at


@dataclass(frozen=True, slots=True)
class Week:
    """Rulings of one week on accounts that were flagged."""

    begins: str
    harvest: int
    benign: int

    @property
    def precision(self) -> float:
        """Share of the ruled that did harvest."""
        return self.harvest / max(self.harvest + self.benign, 1)


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page shows."""

    fresh: list[Finding]
    campaigns: int
    cards: int
    waiting: int  # accounts behind the cards
    weeks: list[Week]
    drifting: bool
    drift: Markup
    off: list[tuple[str, int]]  # feature -> accounts among the strongest of which it is not known
    judged_to: float  # event time, epoch seconds
    behind: float  # seconds of wall time
    accounts: dict[str, int]
    bytes: int


def overview(desk: Desk, among: Strongest, newest: Sequence[bytes], since: float) -> Overview:
    """``since`` is when the person was last here, in event time (epoch seconds)."""
    context, settings, cards = desk.context, desk.scorer.settings, desk.queue
    fresh = [one for one in map(decode, newest[:NEWEST]) if one.at > since and not _calm(one)]
    judged_to = (context.closed + 1) * settings.tick_ms / 1000
    off: dict[str, int] = {}
    levels = {"watch": 0, "throttle": 0, "block": 0}
    for standing in desk.book.standings().values():
        levels[standing.level] = levels.get(standing.level, 0) + 1
    for row in features_off(View(among.rows)):
        for name in row:
            off[name] = off.get(name, 0) + 1
    return Overview(
        fresh=fresh,
        campaigns=len(context.campaigns),
        cards=len(cards),
        waiting=sum(card.alike + 1 for card in cards),
        weeks=weeks(desk),
        drifting=context.drifting,
        drift=sparkline(context.history, "Median evidence of each epoch"),
        off=sorted(off.items(), key=lambda pair: -pair[1]),
        judged_to=judged_to,
        behind=max(time.time() - judged_to, 0.0),
        accounts=levels,
        bytes=desk.book.used_bytes(),
    )


def _calm(one: Finding) -> bool:
    return isinstance(one, Verdict) and one.level in ("clear", "watch") and not isinstance(one, CampaignVerdict)


def weeks(desk: Desk) -> list[Week]:
    """Precision by rulings, a week at a time: of what was flagged and ruled on, how much did harvest."""
    counted: dict[str, list[int]] = {}
    rulings = [one for one in desk.rulings() if one.harvest is not None and not one.withdrawn and not one.subject.startswith("campaign-")]
    names, _, records = desk.many(list(dict.fromkeys(one.subject for one in rulings)))
    flagged = {name for name, record in zip(names, records, strict=True) if record["flagged_at"] >= 0}
    for ruling in rulings:
        if ruling.subject in flagged:
            begins = day(ruling.given // (7 * 86_400) * 7 * 86_400)[:10]
            counted.setdefault(begins, [0, 0])[0 if ruling.harvest else 1] += 1
    return [Week(begins, harvest, benign) for begins, (harvest, benign) in sorted(counted.items())]
