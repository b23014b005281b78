"""One account as a person looks at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from siphonwatch.detector.judging import trace
from siphonwatch.detector.judging.accounts import Facts, facts
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.features import FEATURES, matrix
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.row import GENERATION, HOURS
from siphonwatch.detector.verdicts.account import Reason, Verdict, number, reasons
from siphonwatch.detector.verdicts.finding import Finding, decode
from siphonwatch.detector.verdicts.limit_habits import own_reasons
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.desk.pictures.bars import Bar, bars
from siphonwatch.streams.desk.pictures.hours import heat
from siphonwatch.streams.desk.pictures.lines import Mark, evidence
from siphonwatch.streams.desk.views.money import Taken, taken
from siphonwatch.streams.stores.base import Standing

STRONGEST = 8  # features that have a bar
TOLD = 200  # findings of the account that are looked back at
WEEK = 7 * 24


@dataclass(frozen=True, slots=True)
class AccountView:
    """All that is shown of one account."""

    facts: Facts
    reference: str  # what a refused customer may quote
    height: float
    reasons: list[Reason]  # as it stands now
    verdict: Verdict | None
    features_off: list[str]
    bars: Markup
    heat: Markup
    timeline: Markup
    points: list[tuple[float, float]]
    marks: list[Mark]
    taken: list[Taken]
    limits: list[str]
    parameters: list[tuple[str, str]]
    linked: list[str]
    rulings: list[Ruling]
    findings: list[Finding]
    sidecar: str  # what a sidecar answers now, in words


def account_view(desk: Desk, account: str, standing: Standing | None, findings: Sequence[bytes], price: float) -> AccountView:
    """``findings`` are those about it, newest first; ``UsageError`` where it is not known."""
    account = desk.named(account)
    row, record = desk.looked_up(account)
    known, view, context = facts(account, record), desk.scorer.view(row), desk.context
    features = matrix(view)
    over, summary = desk.scorer.over_median(features)[0], desk.summary
    order = [at for at in np.argsort(-over, kind="stable").tolist() if not math.isnan(features[0, at])][:STRONGEST]
    told = [decode(each) for each in findings[:TOLD]]
    ruled = [ruling for ruling in desk.rulings() if account in (ruling.subject, *ruling.others, *ruling.accounts)]
    points = trace.line(record)
    marks = _marks(known, told, ruled, _released(desk, points))
    settings = desk.scorer.settings
    heights = [
        ("watch", context.height - settings.watch_margin),
        ("throttle", context.height),
        ("block", context.height + settings.block_margin),
    ]
    group = next((one for one in context.campaigns if account in one.members), None)
    alike = next((card for card in context.queue if account in (card.account, *card.accounts)), None)
    linked = [name for name in [*(group.members if group else []), *([alike.account, *alike.accounts] if alike else [])] if name != account]
    return AccountView(
        facts=known,
        reference=desk.reference(account),
        height=context.height,
        reasons=reasons(features[0], over, summary),
        verdict=desk.book.verdict(account),
        features_off=[one.name for at, one in enumerate(FEATURES) if math.isnan(features[0, at])],
        bars=bars([_bar(desk, at, float(features[0, at]), float(over[at])) for at in order]),
        heat=_heat(view),
        timeline=evidence(points, heights, marks),
        points=points,
        marks=marks,
        taken=taken(known, price),
        limits=[one.text for one in own_reasons(row[0], record, np.flatnonzero(record["limit_counts"]).tolist())],
        parameters=_parameters(view, row),
        linked=list(dict.fromkeys(linked))[:60],
        rulings=ruled,
        findings=told,
        sidecar=_sidecar(standing, known),
    )


def _bar(desk: Desk, at: int, value: float, weight: float) -> Bar:
    one, summary = FEATURES[at], desk.summary
    median, p99 = summary.median[at], summary.p99[at]
    return Bar(one.name, value, median, p99, one.low, one.high, number(value, one), number(median, one), number(p99, one), weight)


def _heat(view: View) -> Markup:
    hours = view.hours[0]
    active = np.flatnonzero(hours)
    newest = int(active[-1]) // 24 if len(active) else 2 * HOURS // 24 - 1
    first = max(newest - 6, 0)
    begins = (int(view.state["generation"][0]) - 1) * GENERATION + first * 86_400
    return heat([int(asks) for asks in hours[first * 24 : first * 24 + WEEK]], begins)


def _released(desk: Desk, points: Sequence[tuple[float, float]]) -> list[float]:
    """When models were first asked for, within the line: those that were there when the log began are none."""
    context, settings = desk.context, desk.scorer.settings
    quiet = context.begun + settings.release_quiet_ms // settings.tick_ms
    times = [tick * settings.tick_ms / 1000 for tick in context.models.values() if tick > quiet]
    return [at for at in times if points and points[0][0] - 86_400 <= at <= points[-1][0]]


def _marks(known: Facts, told: Sequence[Finding], ruled: Sequence[Ruling], released: Sequence[float]) -> list[Mark]:
    marks = [Mark(at, "release", "a model was asked for that nobody had asked for before") for at in released]
    for one in told:
        if isinstance(one, LimitVerdict):
            marks.append(Mark(one.at, "limits", "; ".join(reason.text for reason in one.reasons)))
        elif one.at != known.flagged_at:
            marks.append(Mark(one.at, "level", f"{one.previous} became {one.level}"))
    if known.flagged_at is not None:
        marks.append(Mark(known.flagged_at, "flag", "flagged"))
    said = {True: "harvest", False: "benign", None: "allowed"}
    for ruling in ruled:
        if ruling.at is not None:
            marks.append(Mark(ruling.at, "ruling", f"ruled {said[ruling.harvest]} by {ruling.analyst}"))
        if ruling.until is not None:
            marks.append(Mark(ruling.until, "ruling", f"ruling of {ruling.analyst} taken back"))
    return sorted(marks, key=lambda mark: mark.at)


def _parameters(view: View, row: np.ndarray) -> list[tuple[str, str]]:
    share = {
        "temperature 0": "cold", "more than one sample": "samples", "log-probabilities": "logprobs", "logit bias": "logit_bias",
        "room for 4,096 tokens or more": "roomy", "tools": "tools", "a system prompt": "systems", "an end user named": "end_users",
        "going on in a conversation": "follow_ups", "refused by a limit (429)": "limited", "cut at its length": "cut",
        "stopped by a content filter": "filtered",
    }  # fmt: skip
    shown = [(words, f"{float(view.share(name)[0]):.0%} of requests") for words, name in share.items()]
    rpm, tpm = int(row["rpm"][0]), int(row["tpm"][0])
    days = float(view.age[0])
    return [
        ("models", f"about {view.distinct('models')[0]:,.0f}"),
        ("different prompts", "not logged" if view.textless[0] else f"about {view.prompts[0]:,.0f}"),
        ("age", "not logged" if math.isnan(days) else f"{days:,.1f} days"),
        ("its limits", f"{rpm or '?'} requests, {tpm or '?'} tokens a minute" if rpm or tpm else "not logged"),
        *((words, said) for words, said in shown if said != "0% of requests"),
    ]


def _sidecar(standing: Standing | None, known: Facts) -> str:
    if known.allowed:
        return "lets it pass: it is on the allow list"
    if standing is None or standing.level == "clear":
        return "lets it pass"
    return {
        "watch": "lets it pass, or degrades its answers where decision_degrade says so",
        "throttle": f"slows it down: {standing.over:+.2f} over the height of the flag",
        "block": "refuses it",
    }[standing.level]
