"""What the commands print for a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text
from siphonwatch.detector.judging.accounts import Facts, facts
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shadow import FLAGGED, Difference, flagged
from siphonwatch.detector.learning.queue import Card
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.settings import DAY_MS
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.campaign import Campaign, tie_words
from siphonwatch.detector.verdicts.limits import SIGNS
from siphonwatch.detector.verdicts.linking import WORDS
from siphonwatch.streams.common.printable import cell, printable, within_markup
from siphonwatch.streams.common.times import day, rfc3339
from siphonwatch.streams.desk.desk import AccountReport
from siphonwatch.streams.replay import outcome
from siphonwatch.streams.replay.run import OnJudged, Replayed
from siphonwatch.streams.replay.spread import OnProgress

# a pipe or a file gets whole lines: a cut account id is of no use to anybody
console = Console(highlight=False, width=None if sys.stdout.isatty() else 240)
PLAIN: dict[str, Any] = {"box": None, "pad_edge": False}
COLOURS = {"clear": "green", "watch": "yellow", "throttle": "dark_orange", "block": "red"}


def _whole(name: str) -> Column:
    """A column that is never cut."""
    return Column(name, no_wrap=True, overflow="fold")


def _level(word: str) -> str:
    return f"[{COLOURS[word]}]{word}[/]"


@contextmanager
def progress(total: int) -> Iterator[tuple[OnProgress, OnJudged]]:
    """Bars over a log of ``total`` bytes and its ticks, with records, rate, flagged accounts and time left: what the two phases call."""
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[said]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        reading = bar.add_task("reading", total=total, said="")
        judging = bar.add_task("judging", total=None, said="", visible=False)
        read, begun = [0], bar.get_time()

        def on_progress(records: int, size: int) -> None:
            read[0] += records
            rate = read[0] / max(bar.get_time() - begun, 1e-6)
            bar.update(reading, advance=size, said=f"{read[0]:,} records, {rate:,.0f}/s")

        def on_judged(done: int, ticks: int, flagged: int) -> None:
            bar.update(judging, total=ticks, completed=done, visible=True, said=f"[red]{flagged} flagged[/]")

        yield on_progress, on_judged


def replayed(result: Replayed, count: int, keyed: str = "") -> None:
    """The closing table of a replay."""
    engine, folded = result.engine, result.folded
    _accounts_table(engine, count)
    _, records = engine.accounts.known()
    flagged = int((records["flagged_at"] >= 0).sum())
    console.print(
        f"{folded.records:,} records, {len(engine.accounts):,} accounts, [bold]{flagged} flagged[/], "
        f"{len(engine.context.campaigns)} campaigns"
    )
    for one in engine.context.campaigns:
        console.print(f"  {one.name}: {len(one.members)} accounts, {one.tokens_out:,} tokens, tied by {tie_words(one.ties)}")
    if keyed:
        console.print(f"addresses, payments and agents are hashed with {keyed}")
    if folded.duplicates:
        console.print(f"{folded.duplicates:,} second deliveries were not counted again")
    if result.strays:
        console.print(f"{result.strays:,} requests stand hours from all others: clocks astray, not judged")
    if folded.dead:
        console.print("refused: " + ", ".join(f"{reason} {number:,}" for reason, number in sorted(folded.dead.items())))
    if folded.skips:
        console.print("of something else: " + ", ".join(f"{kind} {number:,}" for kind, number in folded.skips.most_common(8)))
    if folded.unread:
        lost = ", ".join(f"{name}'s {field} ({reason}) {number:,}" for (name, field, reason), number in folded.unread.most_common(5))
        console.print(f"not read: {within_markup(lost, 400)}; `siphonwatch check` says more")
    for trouble in folded.troubles[:10]:
        console.print(f"file {within_markup(trouble.path, 200)}: {within_markup(trouble.what, 200)}")


def _accounts_table(engine: Engine, count: int) -> None:
    table = Table(
        _whole("account"),
        "level",
        "score",
        "flagged at",
        "requests",
        "at flag",
        "campaign",
        "why",
        box=None,
        pad_edge=False,
    )
    for known in islice(outcome.accounts(engine), count):
        verdict = engine.verdicts.get(known.account_id)
        why = "\n".join(reason.text for reason in verdict.reasons[:2]) if verdict else ""
        table.add_row(*_standing(known), f"{known.requests:,}", str(known.requests_at_flag or ""), known.campaign or "", why)
    console.print(table)


def _standing(known: Facts) -> tuple[Text, str, str, str]:
    """Account, level, score and the time of the flag, as tables show them."""
    return cell(known.account_id), _level(known.level), f"{known.score:.3f}", rfc3339(known.flagged_at)[:16].replace("T", " ")


def account(report: AccountReport, rulings: list[Ruling]) -> None:
    """One account beside the population."""
    known = report.facts
    allowed = "  on the allow list" if known.allowed else ""
    console.print(f"[bold]{within_markup(known.account_id)}[/]  {_level(known.level)}  score {known.score:.3f}{allowed}")
    flagged = f"flagged {rfc3339(known.flagged_at)}" if known.flagged_at else "never flagged"
    group = f"; member of {known.campaign}" if known.campaign else ""
    console.print(f"{known.requests:,} requests, {known.tokens_out:,} tokens of answers; {flagged}{group}")
    console.print("\n[bold]why, as it stands now[/]")
    for reason in report.reasons:
        console.print(f"  {reason.text}  [dim]{reason.atlas}[/]")
    if report.verdict:
        console.print(f"\n[bold]why it became {report.verdict.level}, {day(report.verdict.at)}[/]")
        for reason in report.verdict.reasons:
            console.print(f"  {reason.text}  [dim]{reason.atlas}[/]")
    for text in report.limits:
        console.print(f"  it {text}  [dim]rate limits[/]")
    table = Table("feature", "account", "median", "99th percentile", "unit", "weight", **PLAIN)
    for line in report.features:
        table.add_row(line.name, line.value, line.median, line.p99, line.unit, f"{line.weight:+.2f}")
    console.print()
    console.print(table)
    if rulings:
        console.print("\n[bold]ruled[/]")
        _rulings(rulings)


def top(reports: list[AccountReport]) -> None:
    """The worst accounts."""
    table = Table(
        _whole("account"),
        "level",
        "score",
        "flagged at",
        "requests",
        "tokens out",
        "campaign",
        "why",
        box=None,
        pad_edge=False,
    )
    for report in reports:
        known = report.facts
        why = report.verdict.reasons[0].text if report.verdict and report.verdict.reasons else ""
        table.add_row(*_standing(known), f"{known.requests:,}", f"{known.tokens_out:,}", known.campaign or "", why)
    console.print(table)


def campaigns(found: list[Campaign]) -> None:
    """All campaigns."""
    if not found:
        console.print("no campaigns found yet")
        return
    table = Table("campaign", "accounts", "requests", "tokens out", "since", "tied by", **PLAIN)
    for one in found:
        table.add_row(
            one.name, str(len(one.members)), f"{one.requests:,}", f"{one.tokens_out:,}", day(one.since / 1000), tie_words(one.ties)
        )
    console.print(table)


def campaign(one: Campaign) -> None:
    """One campaign."""
    console.print(f"[bold]{one.name}[/]: {len(one.members)} accounts since {day(one.since / 1000)}, evidence {one.evidence:.2f}")
    console.print(f"{one.requests:,} requests, {one.tokens_out:,} tokens of answers taken")
    console.print("\n[bold]what ties them[/] (mean log-odds against chance, pair by pair)")
    for trait, weight in one.ties.items():
        console.print(f"  {weight:5.2f}  {WORDS[trait]}")
    for sign in np.flatnonzero(one.limit_counts).tolist():
        count, peak = one.limit_counts[sign], one.limit_peaks[sign]
        console.print(f"\n{SIGNS[sign].name}: {count:,} minutes, {peak:,} at most  [dim]rate limits[/]")
    console.print("\n[bold]members[/]")
    console.print("  " + "  ".join(map(printable, one.members)), soft_wrap=True, markup=False)


def shadowed(differ: Difference) -> None:
    """Where a second prior differs from the present one."""
    console.print(
        f"\nflagged by both priors {len(differ.both):,}, by the present one alone {len(differ.only_present):,}, "
        f"by the shadow alone {len(differ.only_shadow):,}"
    )
    for words, names in (("present", differ.only_present), ("shadow", differ.only_shadow)):
        if names:
            console.print(f"  {words} alone: " + "  ".join(map(printable, names[:20])), soft_wrap=True, markup=False)


def backtested(before: dict[str, Verdict], result: Replayed, count: int) -> None:
    """What a backtest would change: who is flagged or no longer, and how much there is to look at."""
    engine = result.engine
    was = {account for account, verdict in before.items() if verdict.level in FLAGGED}
    now = flagged(engine)
    first, last = min((part.tick for part in result.folded.parts), default=0), engine.context.closed
    days = max((last + 1 - first) * engine.settings.tick_ms / DAY_MS, 1.0)
    told = sum(isinstance(one, Verdict) and one.level in FLAGGED and one.previous not in FLAGGED for one in result.findings)
    console.print(
        f"flagged at the end: {len(was):,} as it was, [bold]{len(now):,}[/] as it would be; "
        f"{len(now - was):,} more, {len(was - now):,} no longer; {told / days:,.1f} flags a day to look at"
    )
    for words, accounts in (("would be flagged", now - was), ("would no longer be", was - now)):
        table = Table(_whole(words), "was", "would be", "score", "requests", "tokens out", "why", **PLAIN)
        rows = [
            facts(account, engine.accounts.records[engine.accounts.index[account]])
            for account in accounts
            if account in engine.accounts.index
        ]
        for known in sorted(rows, key=lambda row: (-row.tokens_out, row.account_id))[:count]:
            verdict, earlier = engine.verdicts.get(known.account_id), before.get(known.account_id)
            reasons = [reason.text for one in (verdict, earlier) if one is not None for reason in one.reasons]
            why = reasons[0] if reasons else ""
            level = earlier.level if earlier else "clear"
            table.add_row(cell(known.account_id), _level(level), _level(known.level), f"{known.score:.3f}", f"{known.requests:,}",
                          f"{known.tokens_out:,}", why)  # fmt: skip
        if rows:
            console.print(table)


def queue(cards: list[Card]) -> None:
    """Whom to look at next."""
    if not cards:
        console.print("nobody to look at: no behaviour is near the flag that has not been ruled on")
        return
    table = Table("rank", _whole("account"), "level", "evidence", "alike", "campaign", "why", **PLAIN)
    for rank, card in enumerate(cards, 1):
        table.add_row(
            str(rank), cell(card.account), _level(card.level), f"{card.evidence:.2f}", str(card.alike), card.campaign or "", card.why
        )
    console.print(table)
    console.print("rule with `siphonwatch rule ACCOUNT harvest` or `benign`: what behaves alike is judged by it too", style="dim")


def rulings(given: list[Ruling]) -> None:
    """Rulings and allow-list entries."""
    if not given:
        console.print("nothing ruled yet")
        return
    _rulings(given)


def _rulings(given: list[Ruling]) -> None:
    table = Table("id", "given", "counts from", "subject", "ruling", "by", "note", **PLAIN)
    for ruling in given:
        said = {True: "harvest", False: "benign", None: "allowed"}[ruling.harvest]
        until = f" for {ruling.days:g} days" if ruling.days else ""
        counts = "from the next judging" if ruling.at is None else day(ruling.at)
        table.add_row(
            ruling.id, day(ruling.given), counts, cell(ruling.subject), said + until, cell(ruling.analyst), cell(ruling.note, 400)
        )  # fmt: skip
    console.print(table)
