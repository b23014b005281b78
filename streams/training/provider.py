"""A provider's own prior: its log and its list of banned accounts, mixed with the examples that ship."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from siphonwatch.detector.learning import fit
from siphonwatch.detector.learning.examples import examples
from siphonwatch.detector.learning.group_fit import group_prior
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.simulate import Label
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats.base import Decoder
from siphonwatch.streams.sources import files
from siphonwatch.streams.training import groups, shipped

FEWEST = 5  # banned accounts in the log: fewer teach their own habits


def labels(path: Path) -> dict[str, str]:
    """Account -> harvest or benign: of a JSON object, or of a text file with one banned account a line.

    ``UsageError`` says what a file should hold that holds something else.
    """
    if not path.is_file():
        raise UsageError(f"--labels {path} does not exist")
    text = path.read_text(encoding="utf-8")
    if not text.lstrip().startswith("{"):
        return {line.strip(): "harvest" for line in text.splitlines() if line.strip() and not line.startswith("#")}
    try:
        found = msgspec.json.decode(text, type=dict[str, str | dict[str, object]])
    except msgspec.MsgspecError as error:
        raise UsageError(f"--labels {path} is no object of account ids ({error}): write one banned account a line") from error
    said = {account: value if isinstance(value, str) else str(value.get("label")) for account, value in found.items()}
    wrong = sorted(set(said.values()) - {"harvest", "benign"})
    if wrong:
        raise UsageError(f"--labels {path} says {', '.join(wrong[:3])}: labels are harvest and benign")
    return said


def read(paths: Sequence[Path | str], decoder: Decoder, most: int) -> list[Request]:
    """Up to ``most`` requests of the log, in the order of their times."""
    found: list[Request] = []
    for path in files.find(paths):
        for chunk in files.read(path):
            found += decoder.decode(chunk.records).requests
            if len(found) >= most:
                break
    return sorted(found[:most], key=lambda request: epoch_ms(request.timestamp))


def train(requests: Sequence[Request], said: dict[str, str], weight: int) -> tuple[Prior, int, int]:
    """(prior, banned accounts in the log, others): the log counts as ``weight`` hands beside those that ship."""
    accounts = {request.account_id for request in requests}
    truth = {
        account: Label("harvest", "banned", account) if said.get(account) == "harvest" else Label("benign", "customer", None)
        for account in accounts
    }
    banned = sum(label.label == "harvest" for label in truth.values())
    if banned < FEWEST:
        raise UsageError(
            f"the log holds {banned} of the banned accounts: at least {FEWEST} are needed, or the prior would learn their habits"
        )
    own = examples(requests, truth)
    hands = shipped.hands() | {f"own-{number}": own for number in range(weight)}
    return fit.prior(hands, "siphonwatch train", group_prior(groups.hands())), banned, len(accounts) - banned
