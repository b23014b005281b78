"""Replay: old logs through the very same engine, in event time."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from siphonwatch.detector.judging.accounts import NEVER
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Level, probability
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.deadletters import DeadLetter, letters
from siphonwatch.streams.formats import Decoder
from siphonwatch.streams.sources import files

COLUMNS = (
    "account_id", "score", "level", "flagged_at", "requests", "requests_at_flag", "tokens_out", "tokens_out_at_flag",
    "campaign", "reasons",
)  # fmt: skip
BATCH = 8192  # records decoded and folded at once: large enough for NumPy, small enough for the processor's cache


@dataclass(slots=True)
class Progress:
    """How far a replay is."""

    records: int = 0
    read: int = 0  # bytes of the files
    flagged: int = 0


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    engine: Engine
    findings: list[Finding] = field(default_factory=list)
    dead: Counter[str] = field(default_factory=Counter)
    records: int = 0
    duplicates: int = 0


def replay(
    paths: list[Path], engine: Engine, decoder: Decoder,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_dead: Callable[[DeadLetter], None] = lambda _: None,
) -> Replayed:  # fmt: skip
    """Read the logs in their order through ``engine`` to their end."""
    result, progress, behind = Replayed(engine), Progress(), 0
    for path in files.find(paths):
        for chunk in files.read(path):
            for start in range(0, len(chunk.records), BATCH):
                records = chunk.records[start : start + BATCH]
                _step(result, decoder, records, path, chunk.first + start, on_dead)
            progress.records, progress.read = result.records, behind + chunk.read
            progress.flagged = sum(one.level in ("throttle", "block") for one in engine.verdicts.values())
            on_progress(progress)
        behind += path.stat().st_size
    result.findings += engine.finish()
    return result


def _step(
    result: Replayed, decoder: Decoder, records: list[bytes], path: Path, first: int, on_dead: Callable[[DeadLetter], None]
) -> None:  # fmt: skip
    decoded = decoder.decode(records)
    result.records += len(records)
    added, verdicts = result.engine.process(batch(decoded.requests, decoded.times))
    result.findings += verdicts
    result.duplicates += added.duplicates
    for letter in letters(decoded, added, records, range(first, first + len(records)), str(path), None):
        result.dead[letter.reason] += 1
        on_dead(letter)


# ------------------------------------------------------------------------------------------------- what comes out


def rfc3339(seconds: float | None) -> str:
    """A time as RFC 3339 in UTC to the millisecond; '' for none."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rows(engine: Engine) -> Iterator[dict[str, str]]:
    """One row of ``accounts.csv`` an account, the strongest evidence first."""
    _, records = engine.accounts.known()
    order = sorted(range(len(records)), key=lambda at: (-float(records["evidence"][at]), engine.accounts.ids[at]))
    for at in order:
        record, account = records[at], engine.accounts.ids[at]
        flagged, number = int(record["flagged_at"]), int(record["campaign"])
        verdict = engine.verdicts.get(account)
        yield {
            "account_id": account,
            "score": repr(probability(float(record["evidence"]))),
            "level": Level(int(record["level"])).word,
            "flagged_at": rfc3339(None if flagged == NEVER else flagged / 1000),
            "requests": str(int(record["requests"])),
            "requests_at_flag": "" if flagged == NEVER else str(int(record["requests_at_flag"])),
            "tokens_out": str(int(record["tokens_out"])),
            "tokens_out_at_flag": "" if flagged == NEVER else str(int(record["tokens_out_at_flag"])),
            "campaign": f"campaign-{number}" if number else "",
            "reasons": "; ".join(reason.text for reason in verdict.reasons) if verdict else "",
        }


def write_accounts(engine: Engine, path: Path) -> None:
    """``accounts.csv``: one row an account."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(engine))
    files.text(buffer, path)


def write_findings(findings: list[Finding], path: Path) -> None:
    """``findings.jsonl``: everything that was found, in the order of judging."""
    buffer = io.StringIO()
    for one in findings:
        buffer.write(finding.encode(one).decode() + "\n")
    files.text(buffer, path)
