"""``make chaos``: three workers, a broker and a Redis, and everything done to them that can be done from outside.

Deeds come in a random order that the seed decides, in rounds that have each kind. In the end the states, records and verdicts must be
byte for byte those of one worker that reads the same topic undisturbed.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import redis
from siphonwatch.streams.stores.redis import RedisStore
from siphonwatch.streams.stores.redis.server import LAYOUT

from tests.chaos.deeds import DEEDS, OFTEN, a_moment
from tests.chaos.log import HOSTILE, Log, log
from tests.chaos.scene import HASH_KEY, Scene
from tests.integration.harness import Outcome, Pipeline, replayed, same
from tests.services.process import wait_until

RESULTS = Path(__file__).with_name("RESULTS.md")
MINUTES, CROWD = re.compile(r"^`make chaos MINUTES=([0-9.]+) ", re.MULTILINE), "# A crowd\n"


@dataclass(frozen=True)
class Ran:
    """What came of a run."""

    seed: int
    minutes: float
    log: Log
    deeds: Counter[str]
    noticed: Counter[str]
    outcome: Outcome


def run(minutes: float, seed: int, folder: Path) -> Ran:
    """Do it; ``AssertionError`` where anything differs in the end."""
    print(f"seed {seed}, {minutes:g} minutes; again: make chaos MINUTES={minutes:g} SEED={seed}", flush=True)
    rng, given = random.Random(seed), log(1.0 + minutes / 4, seed)
    scene, done = Scene(folder, rng, given.records, minutes * 60), Counter[str]()
    try:
        scene.begin()
        wait_until(lambda: scene.read > 0, 60, "the first records to be stored")
        begun, noticed, deck = time.monotonic(), Counter[str](), list[str]()
        while time.monotonic() - begun < minutes * 60 or set(done) != set(DEEDS):
            if not deck:
                deck = rng.sample(sorted(DEEDS), counts=[OFTEN[name] for name in sorted(DEEDS)], k=sum(OFTEN.values()))
            name = deck.pop()
            at = time.monotonic() - begun
            try:
                said = DEEDS[name](scene)
            except redis.ResponseError as error:  # an earlier deed was not yet repaired
                said = f"not done, {error}"
            done[name] += 1
            a_moment(scene, 0.2, 3.0)
            scene.look()
            new, noticed = scene.counts() - noticed, scene.counts()
            told = "; ".join(f"{what} {count:.0f}" for what, count in sorted(new.items()) if "dead_letters" not in what)
            print(f"{at:7.1f} s  {name}: {said}{f'  [{told}]' if told else ''}", flush=True)
        scene.finish()
        outcome, calm = scene.live.outcome(), undisturbed(scene)
        same(outcome, calm.outcome())
        assert shown(scene.live.store) == shown(calm.store), "what gateways and sidecars read differs"
        _harmed_nobody(outcome, given)
        return Ran(seed, minutes, given, done, scene.counts(), outcome)
    finally:
        scene.close()


def shown(store: RedisStore) -> dict[str, object]:
    """What others than the workers read of a store."""
    client, base = store.client, f"{store.prefix}:{LAYOUT}:"
    rankings, verdicts = (sorted(client.scan_iter(f"{base}{{{store.topic}:s*}}:{name}", count=1000)) for name in ("ranking", "verdict:*"))
    return {
        "standings": store.standings(),
        "ranking": {key.removeprefix(base.encode()): client.zrange(key, 0, -1, withscores=True) for key in rankings},
        "verdicts": {key.removeprefix(base.encode()): client.hgetall(key) for key in verdicts},
    }


def undisturbed(scene: Scene) -> Pipeline:
    """One worker that has read the same topic into keys of its own, which nothing happened to."""
    (scene.folder / "calm").mkdir()
    calm = scene.pipeline(scene.folder / "calm", scene.live.topic)
    calm.worker()
    try:
        calm.finish(scene.count())
    finally:
        calm.stop()
    return calm


def _harmed_nobody(outcome: Outcome, given: Log) -> None:
    """Hostile records changed nothing of the accounts whose requests the rest of the log holds."""
    clean = replayed(given.requests, secret=HASH_KEY.encode()).states
    different = [account for account, row in clean.items() if outcome.states.get(account) != row]
    assert not different, f"hostile records changed {len(different)} accounts, the first is {different[0]}"
    assert HOSTILE in outcome.states


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}, unless a longer run is in it")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"logs of workers and services: {folder}")
    try:
        ran = run(given.minutes, given.seed, folder)
    except AssertionError as error:
        sys.exit(f"DIFFERENT: {error}")
    print(summary(ran))
    if given.write:
        before, _, crowd = (RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "").partition(CROWD)
        if minutes_of(before) > given.minutes:
            print(f"{RESULTS.name} keeps the table of a longer run: delete it there to have this one")
        else:
            RESULTS.write_text(f"{summary(ran)}{f'{chr(10)}{CROWD}{crowd}' if crowd else ''}", encoding="utf-8")


def minutes_of(table: str) -> float:
    """How long the run took that a table is of; 0 where it is of none."""
    found = MINUTES.search(table)
    return float(found[1]) if found else 0.0


def summary(ran: Ran) -> str:
    """A run as ``RESULTS.md`` shows it."""
    hostile = ", ".join(f"{count} {kind}" for kind, count in sorted(ran.log.hostile.items()))
    lines = [
        "# A chaos run",
        "",
        f"`make chaos MINUTES={ran.minutes:g} SEED={ran.seed}` wrote this: three workers, a Kafka broker and a Redis;",
        f"{len(ran.log.records):,} records were written all the while, {sum(ran.log.hostile.values()):,} of them hostile",
        f"({hostile}).",
        "",
        f"**Equal**: in the end the states and records of {len(ran.outcome.states):,} accounts, {len(ran.outcome.verdicts):,} verdicts,",
        "and what gateways and sidecars read were byte for byte those of one worker that read the same topic undisturbed.",
        "No worker ended by itself.",
        "",
        "| done | times |",
        "| --- | --- |",
        *(f"| {name} | {count} |" for name, count in sorted(ran.deeds.items())),
        "",
        "| noticed, as the workers counted it; what was counted right before a kill is not among it | times |",
        "| --- | --- |",
        *(f"| {name} | {count:.0f} |" for name, count in sorted(ran.noticed.items())),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
