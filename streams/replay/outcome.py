"""What a replay writes: one row an account, and everything that was found."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from siphonwatch.detector.judging.accounts import Facts, facts
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.finding import Finding
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
