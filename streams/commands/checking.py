"""What `siphonwatch check` and `siphonwatch formats` print, within a screen."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import PurePath

from rich.table import Table
from siphonwatch.streams.commands.tables import PLAIN, console
from siphonwatch.streams.common.printable import printable, within_markup
from siphonwatch.streams.common.times import day
from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.replay.advice import advice, share
from siphonwatch.streams.replay.check import Checked

ROWS = 5  # of a kind, before the rest is only counted
WIDE = 96  # characters of a list of names


def checked(found: Checked, never: tuple[str, ...]) -> None:
    """How a log is read."""
    refused = sum(each.count for each in found.refused.values())
    console.print(
        f"{found.records:,} records: [bold]{found.requests:,} requests[/] of {len(found.accounts):,} accounts, "
        f"{found.skips.total():,} of something else, {refused:,} refused"
        + (f"  (the first {found.records:,} only: --most looks at more)" if found.more else "")
    )
    _refusals(found)
    if found.formats:
        _line("formats", _counted(found.formats.most_common(6)))
    if found.skips:
        _line("else", _counted(found.skips.most_common(8)))
    if found.unread:
        _line(
            "unread", _counted((f"{name}'s {field} ({reason})", count) for (name, field, reason), count in found.unread.most_common(ROWS))
        )
    _troubles(found)
    if found.requests:
        _requests(found)
    if never:
        _line("never", "this format never holds " + ", ".join(never))
    console.print("[bold]to do[/]")
    for each in advice(found):
        console.print(f"  - {within_markup(each, 400)}", soft_wrap=True)


def _line(name: str, text: str) -> None:
    console.print(f"{name:<10}{within_markup(text, 2000)}", soft_wrap=True)


def _counted(pairs: Iterable[tuple[object, int]]) -> str:
    return ", ".join(f"{printable(name, 48)} {count:,}" for name, count in pairs)


def _refusals(found: Checked) -> None:
    ordered = sorted(found.refused.items(), key=lambda pair: -pair[1].count)
    for (reason, detail), each in ordered[:ROWS]:
        place = f"first record {each.record}" + (f" of {printable(PurePath(each.path).name, 40)}" if found.files > 1 else "")
        console.print(f"  [red]{reason}[/] {each.count:,} times, {within_markup(place)}: {within_markup(detail, 300)}", soft_wrap=True)
    if len(ordered) > ROWS:
        console.print(f"  and for {len(ordered) - ROWS} further reasons")


def _troubles(found: Checked) -> None:
    for trouble in found.troubles[:ROWS]:
        name = within_markup(PurePath(trouble.path).name, 60)
        console.print(f"  {'[red]file[/]' if trouble.lost else 'file'} {name}: {within_markup(trouble.what, 200)}", soft_wrap=True)
    if len(found.troubles) > ROWS:
        console.print(f"  and {len(found.troubles) - ROWS} further files")


def _requests(found: Checked) -> None:
    order, shares, total = found.order, found.coverage.shares, found.requests
    spans = order.stretches or order.spans
    late = f"{order.late:,} records ({share(order.late / total)}) out of order" if order.late else "in order"
    _line(
        "time",
        f"{day(spans[0][0] / 1000)} to {day(spans[-1][1] / 1000)}, {late}" + (f", {order.strays:,} strayed far" if order.strays else ""),
    )
    gaps = [(after[0] - before[1], before[1]) for before, after in pairwise(spans)]
    if gaps:
        longest, since = max(gaps)
        _line("gaps", f"{len(gaps):,} of over a day; the longest {longest / 86_400_000:.1f} days from {day(since / 1000)}")
    if found.doubles:
        _line("twice", f"{found.doubles:,} requests have account, time and id of another, and count once")
    _line("accounts", _counted(found.accounts.most_common(4)) + (" …" if len(found.accounts) > 4 else ""))
    _line("models", _counted(found.models.most_common(6)) + (" …" if len(found.models) > 6 else ""))
    _line("statuses", _counted(found.statuses.most_common(8)))
    _line("holds", ", ".join(f"{name} in {share(value)}" for name, value in shares.items() if value))
    missing, off = found.coverage.not_logged, found.coverage.features_off
    _line("missing", ", ".join(missing) if missing else "nothing")
    _line("off", f"{len(off)} features: {', '.join(off)}" if off else "no feature")


def listed(formats: Iterable[Format]) -> None:
    """Every format, who its account is, and what its log can never hold."""
    table = Table("format", "written by", "account", "never holds", **PLAIN)
    for each in formats:
        table.add_row(each.name, each.title, each.account, ", ".join(each.cannot_know) or "-")
    console.print(table)
    console.print(
        "\nRecords are recognised by themselves, in whatever batch, page or log line they come. "
        "Any other log: `siphonwatch check --suggest FILE`."
    )
