"""Other stream processors on the same topic of the same Kafka, each in the environment that `make bench` makes for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from itertools import islice
from pathlib import Path

import msgspec

from tests.benchmarks.log import Log
from tests.services.kafka import Broker

ROOT = Path(__file__).parents[3]
ENVIRONMENT = ROOT / ".cache" / "streaming"
PEERS = {"quixstreams": "tests.benchmarks.peers.quix", "bytewax": "tests.benchmarks.peers.bytewax_flow"}
EVENTS = 10_000


@dataclass(frozen=True)
class Peer:
    """A stream processor, and what it made of the topic."""

    name: str
    version: str
    rate: float  # events/s


def measured(broker: Broker, log: Log, folder: Path, most: int | None) -> Sequence[Peer]:
    """All peers, one after the other, on the log's first records keyed by account."""
    keys = msgspec.json.Decoder(dict)
    values = list(islice(log.values(), min(EVENTS, most or EVENTS)))
    broker.create("keyed", 1)
    broker.produce("keyed", ((keys.decode(value)["account_id"].encode(), value) for value in values))
    return [_peer(package, module, broker, len(values), folder) for package, module in PEERS.items()]


def _peer(package: str, module: str, broker: Broker, count: int, folder: Path) -> Peer:
    command = [ENVIRONMENT / "bin" / "python", "-W", "ignore", "-m", module, broker.servers, "keyed", str(count), folder / package]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "RUST_BACKTRACE": "0"}
    )
    rates = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("rate ")]
    assert rates, f"{package} did not read the topic to its end\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    found = next(iter(ENVIRONMENT.glob(f"lib/python*/site-packages/{package}-*.dist-info")))
    return Peer(package, Distribution.at(found).version, float(rates[0]))
