"""What a replay writes: one row an account, and everything that was found."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
from siphonwatch.detector.judging.accounts import Facts, facts
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.reviewing import review
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.printable import for_csv
from siphonwatch.streams.common.times import rfc3339
from siphonwatch.streams.sources import files

COLUMNS = (
    "account_id", "score", "level", "flagged_at", "requests", "requests_at_flag", "tokens_out", "tokens_out_at_flag",
    "campaign", "reasons",
)  # fmt: skip


def accounts(engine: Engine) -> Iterator[Facts]:
    """How every account stands, the strongest evidence first."""
    _, records = engine.accounts.known()
    order = sorted(range(len(records)), key=lambda row: (-float(records["evidence"][row]), engine.accounts.ids[row]))
    return (facts(engine.accounts.ids[row], records[row]) for row in order)


def write_accounts(engine: Engine, path: Path) -> None:
    """``accounts.csv``: one row an account."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for known in accounts(engine):
        verdict = engine.verdicts.get(known.account_id)
        writer.writerow(
            {name: "" if (value := getattr(known, name)) is None else for_csv(value) for name in known.__struct_fields__}
            | {
                "score": repr(known.score),
                "flagged_at": rfc3339(known.flagged_at),
                "reasons": "; ".join(reason.text for reason in verdict.reasons) if verdict else "",
            }
        )
    files.text(buffer, path)


def write_findings(findings: list[Finding], path: Path) -> None:
    """``findings.jsonl``: everything that was found, in the order of judging."""
    buffer = io.StringIO()
    for each in findings:
        buffer.write(finding.encode(each).decode() + "\n")
    files.text(buffer, path)


QUEUE_COLUMNS = ("rank", "account_id", "level", "evidence", "alike", "accounts_alike", "campaign", "why")


def write_queue(engine: Engine, path: Path) -> None:
    """``queue.csv``: whom to look at next, one row a behaviour."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(QUEUE_COLUMNS)
    for rank, card in enumerate(review(engine), 1):
        alike = " ".join(map(str, map(for_csv, card.accounts)))
        writer.writerow([rank, for_csv(card.account), card.level, card.evidence, card.alike, alike, card.campaign or "", card.why])
    files.text(buffer, path)


def read_rulings(path: Path) -> list[Ruling]:
    """Rulings from a JSON Lines file; ``UsageError`` names the first line that is none, or that has no time.

    By hand a line is as short as ``{"id": "1", "subject": "acct_1", "harvest": true, "at": 1790000000}``.
    """
    if not path.is_file():
        raise UsageError(f"--rulings {path} does not exist")
    rulings = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            ruling = msgspec.json.decode(line, type=Ruling)
        except msgspec.MsgspecError as error:
            raise UsageError(f"--rulings {path} line {number} is no ruling: {error}") from error
        if ruling.at is None:
            raise UsageError(f"--rulings {path} line {number} has no time: `at` is the event time from which it counts, epoch seconds")
        rulings.append(ruling)
    return rulings
