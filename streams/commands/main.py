"""The command line. A wrong option, URL or file is one clear line and exit code 2."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
import typer
from rich.console import Console
from siphonwatch.streams.common import config, logs, metrics
from siphonwatch.streams.common.errors import SiphonwatchError, UsageError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Finds systematic harvesting of an LLM's answers in API request logs, live and in replay.",
)  # fmt: skip
feedback_app = typer.Typer(no_args_is_help=True, help="What analysts decided: list it, take it back.")
app.add_typer(feedback_app, name="decisions")
errors = Console(stderr=True, highlight=False)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings; the options here weigh more.")]
StoreUrl = Annotated[str | None, typer.Option("--store", help="where states live, e.g. redis://127.0.0.1:6379/0")]
Topic = Annotated[str, typer.Option("--topic", help="the topic whose accounts are asked about")]
LogFormat = Annotated[str | None, typer.Option(help="log format of the records; each is recognised by itself by default")]
MappingFile = Annotated[Path | None, typer.Option(help="TOML file that says where any other JSON log holds what")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="first part of every Redis key")]


def _version(wanted: bool) -> None:
    if wanted:
        print(metrics.program_version())
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")] = False,
) -> None:
    """Finds systematic harvesting of an LLM's answers in API request logs, live and in replay."""


@app.command()
def run(
    file: ConfigFile = None,
    source: Annotated[str | None, typer.Option(help="kafka://HOST:PORT/TOPIC, or file:///PATH")] = None,
    store: StoreUrl = None,
    format: LogFormat = None,
    mapping: MappingFile = None,
    group: Annotated[str | None, typer.Option(help="Kafka consumer group")] = None,
    prefix: Prefix = None,
    findings: Annotated[Path | None, typer.Option(help="append findings to this file")] = None,
    verdict_topic: Annotated[str | None, typer.Option(help="Kafka topic for changed verdicts; '' for none")] = None,
    dead_letter_topic: Annotated[str | None, typer.Option(help="Kafka topic for refused records; '' for none")] = None,
    http_host: Annotated[str | None, typer.Option(help="address of /metrics, /healthz, /readyz")] = None,
    http_port: Annotated[int | None, typer.Option(help="their port, 0 for none")] = None,
    tick_seconds: Annotated[float | None, typer.Option(help="event time between two judgings")] = None,
    batch: Annotated[int | None, typer.Option(help="records taken at once, at most")] = None,
    idle_seconds: Annotated[float | None, typer.Option(help="silence after which a partition holds no tick back")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error")] = None,
) -> None:
    """Watch a live log: one worker of a group; start as many as the topic has partitions."""
    from siphonwatch.streams.worker.run import serve

    given = {name: value for name, value in locals().items() if name not in ("file", "serve")}
    settings = config.load(file, **given)
    logs.configure(settings.log_level)
    serve(settings)


@app.command()
def sidecar(
    file: ConfigFile = None,
    topic: Annotated[str | None, typer.Option("--topic", help="the topic whose accounts are decided on")] = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
    host: Annotated[str | None, typer.Option(help="address that decisions are served on")] = None,
    port: Annotated[int | None, typer.Option(help="their port")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="port of Envoy's gRPC services, 0 for none")] = None,
    account_header: Annotated[str | None, typer.Option(help="header that carries the account")] = None,
    fail: Annotated[str | None, typer.Option(help="when the store is silent: open allows, closed refuses")] = None,
    dry_run: Annotated[bool | None, typer.Option("--dry-run", help="only count what it would have done")] = None,
    throttle_rpm: Annotated[float | None, typer.Option(help="requests a minute that a throttled account keeps")] = None,
    http_port: Annotated[int | None, typer.Option(help="port of /metrics, 0 for none")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error")] = None,
) -> None:
    """Answer a gateway whether a request may go on. Secrets come from the environment, a file, or SIPHONWATCH_SECRETS_DIR."""
    from siphonwatch.streams.sidecar.serve import serve

    settings = config.load(
        file, store=store, prefix=prefix, decision_topic=topic, decision_host=host, decision_port=port, decision_grpc_port=grpc_port,
        decision_account_header=account_header, decision_fail=fail, decision_dry_run=dry_run, throttle_rpm=throttle_rpm,
        http_port=http_port, log_level=log_level,
    )  # fmt: skip
    logs.configure(settings.log_level)
    serve(settings)


@app.command()
def replay(
    paths: Annotated[list[Path], typer.Argument(help="log files or folders: .jsonl, .jsonl.gz, .jsonl.zst, .parquet")],
    accounts: Annotated[Path | None, typer.Option(help="write one row an account to this CSV file")] = None,
    findings: Annotated[Path | None, typer.Option(help="write every change of a verdict to this JSON Lines file")] = None,
    dead_letters: Annotated[Path | None, typer.Option(help="write refused records' places and reasons to this file")] = None,
    format: LogFormat = None,
    mapping: MappingFile = None,
    top: Annotated[int, typer.Option(help="rows of the closing table", min=0)] = 15,
    file: ConfigFile = None,
    tick_seconds: Annotated[float | None, typer.Option(help="event time between two judgings")] = None,
) -> None:
    """Run old logs through the same engine: the same files in the same order give the same bytes out."""
    from siphonwatch.detector.judging.engine import Engine
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.formats import decoder
    from siphonwatch.streams.replay import run as replaying
    from siphonwatch.streams.sources import files

    settings = config.load(file, format=format, mapping=mapping, tick_seconds=tick_seconds)
    reads = decoder(settings.format, settings.mapping, settings.privacy_account_key.get_secret_value())
    found = files.find(paths)
    # records live as long as their batch: the collector would walk over them again and again for nothing
    gc.disable()
    letters: TextIO | None = dead_letters.open("w", encoding="utf-8") if dead_letters else None

    def on_dead(letter: Any) -> None:
        if letters is not None:
            letters.write(msgspec.json.encode(letter).decode() + "\n")

    with tables.progress(sum(path.stat().st_size for path in found)) as on_progress:
        result = replaying.replay(found, Engine(prior.load(), settings.detection()), reads, on_progress, on_dead)
    if letters is not None:
        letters.close()
    if accounts:
        replaying.write_accounts(result.engine, accounts)
    if findings:
        replaying.write_findings(result.findings, findings)
    tables.replayed(result, top)


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="log files or folders, as for replay")],
    format: LogFormat = None,
    mapping: MappingFile = None,
    most: Annotated[int, typer.Option(help="records looked at, at most", min=1)] = 100_000,
    file: ConfigFile = None,
) -> None:
    """Say how a log would be read: what is recognised, refused and missing. Judges nobody."""
    from siphonwatch.streams.commands import tables
    from siphonwatch.streams.formats import decoder
    from siphonwatch.streams.replay import check as checking

    settings = config.load(file, format=format, mapping=mapping)
    reads = decoder(settings.format, settings.mapping, settings.privacy_account_key.get_secret_value())
    found = checking.check(paths, reads, most)
    tables.checked(found, checking.cannot_know(settings.format))
    if not found.requests:
        raise typer.Exit(1)


@app.command()
def account(
    account: Annotated[str, typer.Argument(help="account id, as in the log")],
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """Show an account's features beside the population's, its score, level and reasons."""
    from siphonwatch.streams.commands import tables

    desk, backend = _desk(file, store, topic, prefix)
    tables.account(desk.account(account), [one for one in backend.decisions() if desk.named(account) in one.accounts])


@app.command()
def top(
    count: Annotated[int, typer.Option(help="how many", min=1, max=1000)] = 20,
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """Show the accounts of strongest evidence."""
    from siphonwatch.streams.commands import tables

    desk, _ = _desk(file, store, topic, prefix)
    tables.top(desk.top(count))


@app.command()
def campaigns(topic: Topic = "requests", file: ConfigFile = None, store: StoreUrl = None, prefix: Prefix = None) -> None:
    """List the campaigns: accounts that are judged as one."""
    from siphonwatch.streams.commands import tables

    desk, _ = _desk(file, store, topic, prefix)
    tables.campaigns(desk.memory.campaigns)


@app.command()
def campaign(
    name: Annotated[str, typer.Argument(help="the campaign's name or number")],
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """Show one campaign: its members, what ties them, its size, start and tokens taken."""
    from siphonwatch.streams.commands import tables

    desk, _ = _desk(file, store, topic, prefix)
    tables.campaign(desk.campaign(name))


@app.command()
def feedback(
    subject: Annotated[str, typer.Argument(help="an account id, or a campaign's name")],
    decision: Annotated[str, typer.Argument(help="harvest or benign")],
    note: Annotated[str, typer.Option(help="why")] = "",
    analyst: Annotated[str, typer.Option(help="who decides", envvar="USER")] = "unknown",
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """Teach the model: what an account or a campaign really was."""
    from siphonwatch.streams.desk import rulings as deciding

    if decision not in ("harvest", "benign"):
        raise UsageError(f"{decision} is no decision: say harvest or benign")
    desk, backend = _desk(file, store, topic, prefix)
    made = deciding.decide(desk, subject, decision == "harvest", analyst, note, None)
    backend.decide(made)
    print(f"{made.id}: {subject} is {decision}; take it back with `siphonwatch decisions undo {made.id}`")


@app.command()
def allow(
    subject: Annotated[str, typer.Argument(help="an account id, or a campaign's name")],
    days: Annotated[float, typer.Option(help="for how long", min=0.01, max=365)] = 30,
    owner: Annotated[str, typer.Option(help="who answers for it", envvar="USER")] = "unknown",
    note: Annotated[str, typer.Option(help="why")] = "",
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """Put an account or a campaign on the allow list until a day."""
    from siphonwatch.streams.desk import rulings as deciding

    desk, backend = _desk(file, store, topic, prefix)
    made = deciding.decide(desk, subject, None, owner, note, days)
    backend.decide(made)
    print(f"{made.id}: {subject} is allowed for {days:g} days; take it back with `siphonwatch decisions undo {made.id}`")


@feedback_app.command("list")
def list_decisions(
    analyst: Annotated[str, typer.Option(help="only this analyst's")] = "",
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """List decisions and allow-list entries, oldest first."""
    from siphonwatch.streams.commands import tables

    _, backend = _desk(file, store, topic, prefix)
    tables.decisions([one for one in backend.decisions() if not analyst or one.analyst == analyst])


@feedback_app.command("undo")
def undo(
    decision: Annotated[str, typer.Argument(help="a decision's id, or with --analyst nothing")] = "",
    analyst: Annotated[str, typer.Option(help="take back all that this analyst decided")] = "",
    topic: Topic = "requests",
    file: ConfigFile = None,
    store: StoreUrl = None,
    prefix: Prefix = None,
) -> None:
    """Take a decision back, or all of one analyst's: nothing of it stays in the model."""
    _, backend = _desk(file, store, topic, prefix)
    wanted = [one.id for one in backend.decisions() if one.id == decision or (analyst and one.analyst == analyst)]
    if not wanted:
        raise UsageError("no such decision: `siphonwatch decisions list` shows them")
    for each in wanted:
        backend.undo(each)
    print(f"taken back: {', '.join(wanted)}")


@app.command()
def simulate(
    to: Annotated[str, typer.Argument(help="a .jsonl file, or kafka://HOST:PORT/TOPIC")],
    accounts: Annotated[int, typer.Option(help="how many accounts", min=1)] = 1000,
    days: Annotated[float, typer.Option(help="how long", min=0.01, max=60)] = 2.0,
    prevalence: Annotated[float, typer.Option(help="share of accounts that harvest", min=0, max=1)] = 0.02,
    harvests: Annotated[str, typer.Option(help="only these kinds, comma separated; all by default")] = "",
    seed: Annotated[int, typer.Option(help="equal seeds give equal traffic")] = 1,
    start: Annotated[str, typer.Option(help="time of the first day, RFC 3339; by default so that it ends now")] = "",
    rate: Annotated[float | None, typer.Option(help="requests a second; as fast as it goes by default", min=0.001)] = None,
    labels: Annotated[Path | None, typer.Option(help="write account -> truth to this JSON file")] = None,
) -> None:
    """Write labelled traffic of the project's own making."""
    from siphonwatch.streams.commands import simulating

    world = simulating.world(accounts, days, prevalence, harvests, seed, start)
    print(simulating.write(world, to, rate, labels))


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(help="end after so long; 0 runs until stopped", envvar="DEMO_SECONDS")] = 0,
    http_port: Annotated[int, typer.Option(help="port of /metrics")] = 9108,
    seed: Annotated[int, typer.Option(help="of the simulated traffic")] = 7,
) -> None:
    """Run the live pipeline with embedded parts: a Redis-protocol server and the simulator."""
    from siphonwatch.streams.commands.demo import demo as play

    logs.configure("error")
    play(seconds, http_port, seed)


@app.command(hidden=True)
def prior(path: Path) -> None:
    """Make the shipped prior again."""
    from siphonwatch.streams.common.prior import make

    made = make(path)
    for name, weight in sorted(made.weights.items(), key=lambda pair: -pair[1]):
        print(f"{weight:7.3f}  {name}")
    print(f"{made.bias:7.3f}  (bias)")


def _desk(file: Path | None, store: str | None, topic: str, prefix: str | None) -> tuple[Any, Any]:
    from siphonwatch.streams.common import prior
    from siphonwatch.streams.desk.reports import Desk
    from siphonwatch.streams.stores import open_store

    settings = config.load(file, store=store, prefix=prefix)
    backend = open_store(settings.store, topic, settings.prefix, int(settings.ttl_days * 86_400))
    backend.ping()
    return Desk(backend, prior.load(), settings.detection(), settings.privacy_account_key.get_secret_value()), backend


def main() -> None:
    """The ``siphonwatch`` command."""
    try:
        app(standalone_mode=True)
    except UsageError as error:
        errors.print(f"siphonwatch: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except SiphonwatchError as error:
        errors.print(f"siphonwatch: {error}", markup=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
