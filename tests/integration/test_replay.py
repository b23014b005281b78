"""A replay is a function of the log's records: not of their order, of files, of gaps, or of how many processes read them."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.commands.main import app
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.hashkey import derived
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.replay import fold as folding
from siphonwatch.streams.replay.run import replay
from siphonwatch.streams.stores import snapshot

from tests.integration.harness import SECRET, Outcome, _record, replayed, same

RAY = Path(__file__).parents[2] / ".cache" / "ray" / "bin" / "python"
WORLD = World(accounts=120, days=1.5, prevalence=0.15, seed=42, start=1_780_000_000.0, harvests=("reasoning", "hydra"))


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return simulate(WORLD).requests


@pytest.fixture(scope="module")
def expected(requests: list[Request]) -> Outcome:
    """What a stream in order comes to."""
    outcome = replayed(requests)
    assert any(verdict.level in ("throttle", "block") for verdict in outcome.verdicts.values())
    return outcome


def written(path: Path, requests: list[Request]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = b"".join(encode(request) + b"\n" for request in requests)
    path.write_bytes(gzip.compress(lines, 1) if path.suffix == ".gz" else lines)
    return path


def outcome(engine: Engine) -> Outcome:
    packed = snapshot.pack_accounts(engine.accounts, engine.accounts.ids)
    states = {account: value[: snapshot.STATE_BYTES] for account, value, _ in packed}
    return Outcome(states, {account: _record(value[snapshot.STATE_BYTES :]) for account, value, _ in packed}, dict(engine.verdicts))


def in_order(requests: list[Request], folder: Path) -> None:
    written(folder / "log.jsonl", requests)


def shuffled(requests: list[Request], folder: Path) -> None:
    written(folder / "log.jsonl", random.Random(1).sample(requests, len(requests)))


def newest_first(requests: list[Request], folder: Path) -> None:
    written(folder / "log.jsonl", requests[::-1])


def files_backwards(requests: list[Request], folder: Path) -> None:
    size = len(requests) // 7
    for number in range(8):
        written(folder / f"log-{9 - number}.jsonl.gz", requests[number * size : (number + 1) * size])


def overlapping(requests: list[Request], folder: Path) -> None:
    half = len(requests) // 2
    written(folder / "a.jsonl", requests[: half + 700])
    written(folder / "b.jsonl", requests[half - 700 :])
    written(folder / "c.jsonl", requests[half - 50 : half + 50])


LAYOUTS = (in_order, shuffled, newest_first, files_backwards, overlapping)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_the_order_of_records_and_files_does_not_matter(
    layout: Callable[[list[Request], Path], None], requests: list[Request], expected: Outcome, tmp_path: Path
) -> None:
    layout(requests, tmp_path)
    result = replay([tmp_path], Engine(prior.load()), decoder("auto"), key=derived(SECRET))
    same(outcome(result.engine), expected)
    assert result.folded.duplicates == (1500 if layout is overlapping else 0)


def test_panes_that_went_to_the_file_early_are_the_same(
    requests: list[Request], expected: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "HELD_ROWS", 100)
    monkeypatch.setattr(folding, "BATCH", 500)
    shuffled(requests, tmp_path)
    result = replay([tmp_path], Engine(prior.load()), decoder("auto"), key=derived(SECRET))
    assert len(result.folded.parts) > len({part.tick for part in result.folded.parts})
    same(outcome(result.engine), expected)


def command(*words: str | Path) -> None:
    app([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def kept(requests: list[Request], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished replay of one process, with its panes."""
    folder = tmp_path_factory.mktemp("kept")
    in_order(requests, folder / "log")
    command("replay", folder / "log", "--keep", folder, "--accounts", folder / "accounts.csv", "--findings", folder / "findings.jsonl")
    return folder


@pytest.mark.parametrize("layout", [shuffled, overlapping], ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_processes_and_a_cluster_find_the_same(
    engine: str, layout: Callable[[list[Request], Path], None], requests: list[Request], kept: Path, tmp_path: Path
) -> None:
    layout(requests, tmp_path / "log")
    (tmp_path / "log" / "z.jsonl").write_bytes(b"no record\n" * 3)
    words = ["replay", tmp_path / "log", "--accounts", tmp_path / "accounts.csv", "--findings", tmp_path / "findings.jsonl",
             "--dead-letters", tmp_path / "dead.jsonl", "--workers", "3"]  # fmt: skip
    if engine == "ray":
        words += ["--engine", "ray"]
    python = {"processes": sys.executable, "ray": RAY}[engine]  # Ray's own: the tests' packages replace modules of its
    done = subprocess.run([python, "-m", "siphonwatch.streams", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "accounts.csv").read_bytes() == (kept / "accounts.csv").read_bytes()
    assert (tmp_path / "findings.jsonl").read_bytes() == (kept / "findings.jsonl").read_bytes()
    dead = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    assert [(letter["reason"], letter["offset"]) for letter in dead] == [("not_json", 0), ("not_json", 1), ("not_json", 2)]


def test_a_gap_of_weeks_is_a_gap(requests: list[Request], tmp_path: Path) -> None:
    half, pause = len(requests) // 2, 20 * 86_400
    later = [
        Request(**{name: getattr(r, name) for name in r.__struct_fields__} | {"timestamp": r.timestamp + pause}) for r in requests[half:]
    ]
    in_order(requests[:half], tmp_path / "one")
    in_order(later, tmp_path / "two")
    result = replay([tmp_path], Engine(prior.load()), decoder("auto"), key=derived(SECRET))
    assert (result.folded.records, result.folded.dead.total(), result.strays) == (len(requests), 0, 0)


@pytest.mark.parametrize("hours", [[23.9], [23.9 * (n + 1) for n in range(40)], [-9000.0, 9000.0]], ids=["one", "forty", "both ends"])
def test_clocks_astray_change_nothing_for_anybody_else(
    hours: list[float], requests: list[Request], expected: Outcome, tmp_path: Path
) -> None:
    middle = requests[-1].timestamp
    broken = [Request(f"broken{n}", middle + ahead * 3600, f"astray{n}", model="m", prompt="p") for n, ahead in enumerate(hours)]
    in_order([*requests[:900], *broken, *requests[900:]], tmp_path)
    result = replay([tmp_path], Engine(prior.load()), decoder("auto"), key=derived(SECRET))
    assert result.strays == len(hours)
    same(outcome(result.engine), expected)


def test_a_backtest_of_nothing_else_changes_nothing(kept: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command("backtest", kept, "--accounts", tmp_path / "accounts.csv", "--findings", tmp_path / "findings.jsonl")
    assert "0 more, 0 no longer" in capsys.readouterr().out
    assert (tmp_path / "accounts.csv").read_bytes() == (kept / "accounts.csv").read_bytes()
    assert (tmp_path / "findings.jsonl").read_bytes() == (kept / "findings.jsonl").read_bytes()


def test_a_backtest_says_what_other_settings_would_change(kept: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command("backtest", kept, "--set", "flag_odds=9", "--set", "flag_range=0", "--accounts", tmp_path / "accounts.csv")
    said = capsys.readouterr().out
    assert "would no longer be" in said
    high = Engine(prior.load(), DEFAULT.__class__(flag_odds=9.0, flag_range=0.0))
    replay([kept / "log"], high, decoder("auto"))
    flagged = {
        line.split(",")[0] for line in (tmp_path / "accounts.csv").read_text().splitlines() if ",throttle," in line or ",block," in line
    }
    assert flagged == {account for account, verdict in high.verdicts.items() if verdict.level in ("throttle", "block")}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--set", "tick_ms=1000"), "replay the log itself"),
        (("--set", "flag_ods=1"), "flag_odds"),
        (("--set", "flag_odds=high"), "a number like 1.3"),
        (("--set", "flag_odds=nan"), "flag_odds is nan, and must be finite"),
        (("--set", "tail_to=0.5"), "must be less than tail_to"),
    ],
)
def test_a_backtest_says_what_it_cannot_change(kept: Path, words: tuple[str, ...], hint: str) -> None:
    with pytest.raises(Exception, match=hint):
        command("backtest", kept, *words)


def test_a_backtest_needs_what_was_kept(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="--keep"):
        command("backtest", tmp_path)
