"""What is done to a running pipeline: each deed ends with everything in place again, and says what it did."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.chaos.scene import Living, Scene
from tests.services import refusals
from tests.services.process import wait_until
from tests.services.refusals import REFUSALS

Deed = Callable[[Scene], str]
STEP = ("begin", "read", "judge", "stage", "apply")  # what a judge asks keepers for
DEEDS: dict[str, Deed] = {}
OFTEN: dict[str, int] = {}  # how often each comes in one round of all
OF_SHARDS = ("shard", "accounts", "verdicts", "standings", "ranking", "verdict:*", "redo:*")
SPOKEN = ("owners", "asks", "answers:*")  # what judge and keepers go by when they speak to each other
LOST = ("pane:*", "ids:*", "meta", "judge", "outbox", "findings", "secret", *OF_SHARDS, *SPOKEN)
SPOILT = (  # (key, field): any where it is empty, something more where there is none
    *((name, "") for name in ("accounts", "pane:*", "verdicts", "standings", "owners", "redo:*")),
    *(("judge", field) for field in ("context", "epoch", "mark", "read", "closed", "judged", "shards", "moves")),
    *(("shard", field) for field in ("epoch", "mark", "accounts", "verdicts", "staged")),
    *(("meta", field) for field in ("position", "epoch", "sealed")),
    ("ids:*", None), ("asks", None),
)  # fmt: skip
RIGHTS = ("-@scripting", "-@read", "-hincrby", "-unlink", "-zadd", "-xadd", "-blpop")


def deed(name: str, often: int = 1) -> Callable[[Deed], Deed]:
    """Put a deed into the tables."""

    def put(done: Deed) -> Deed:
        DEEDS[name], OFTEN[name] = done, often
        return done

    return put


def a_moment(scene: Scene, least: float, most: float) -> float:
    """Let some time pass; how much."""
    seconds = scene.rng.uniform(least, most)
    time.sleep(seconds)
    return seconds


# ------------------------------------------------------------------------------------------------------ workers


def killed(scene: Scene, victim: Living) -> str:
    scene.kill(victim)
    away = a_moment(scene, 0.0, 3.0)
    return f"{victim.name}; {scene.start().name} {away:.1f} s later"


@deed("kill -9")
def kill(scene: Scene) -> str:
    return killed(scene, scene.rng.choice(scene.living))


@deed("kill -9 of who judges")
def kill_judge(scene: Scene) -> str:
    victim = scene.judge
    scene.kill(victim)
    return f"{victim.name}; {scene.start().name} at once"


@deed("kill -9 of one that only keeps")
def kill_keeper(scene: Scene) -> str:
    return killed(scene, scene.rng.choice(scene.others))


@deed("kill -9 in the middle of a step", 2)
def kill_in_a_step(scene: Scene) -> str:
    judges = scene.rng.random() < 0.5
    victim = scene.judge if judges else scene.rng.choice(scene.others)
    when = scene.rng.choice(STEP)
    came = scene.asked(when, 10.0)
    scene.kill(victim)
    who = "who judges" if judges else "who keeps"
    return f"{victim.name}, {who}, {f'as it came to {when}' if came else f'though it did not come to {when}'}; {scene.start().name} at once"


@deed("kill -9 of all, and loss while nobody works", 2)
def kill_all(scene: Scene) -> str:
    victims = list(scene.living)
    for victim in victims:
        scene.kill(victim)
    what = scene.rng.choice((evict, fields, spoil, misplace))(scene)
    for _ in victims:
        scene.start()
    return what


def _freeze(scene: Scene, victim: Living, least: float) -> str:
    victim.program.process.send_signal(signal.SIGSTOP)
    frozen = a_moment(scene, least, 5.0)
    victim.program.process.send_signal(signal.SIGCONT)
    return f"{victim.name}, {frozen:.1f} s"


@deed("SIGSTOP of who judges, past its session")
def zombie(scene: Scene) -> str:
    return _freeze(scene, scene.judge, 2.0)


@deed("SIGSTOP of one that only keeps, past its session")
def frozen_keeper(scene: Scene) -> str:
    return _freeze(scene, scene.rng.choice(scene.others), 2.0)


@deed("SIGSTOP in the middle of a step")
def frozen_in_a_step(scene: Scene) -> str:
    victim, when = scene.rng.choice(scene.living), scene.rng.choice(STEP)
    came = scene.asked(when, 10.0)
    return f"{_freeze(scene, victim, 0.1)}{f', as it came to {when}' if came else ''}"


@deed("pause until all that is due is judged", 2)
def pause(scene: Scene) -> str:
    """Nobody waits for anybody who does not come, nor for what is not there."""
    paused, due = a_moment(scene, 2.0, 4.0), scene.due
    begun = time.monotonic()
    wait_until(lambda: scene.judged(due), 60, f"tick {due} to be judged while nothing is done")
    return f"{paused + time.monotonic() - begun:.1f} s"


# ------------------------------------------------------------------------------------------------------ services


@deed("broker restart")
def broker_restart(scene: Scene) -> str:
    if scene.rng.random() < 0.5:
        scene.broker.program.kill()
        how = "kill -9"
    else:
        scene.broker.stop()
        how = "SIGTERM"
    away = a_moment(scene, 0.0, 2.0)
    scene.broker.start()
    return f"{how}, away for {away:.1f} s"


@deed("Redis falls back")
def fall_back(scene: Scene) -> str:
    _rewrite(scene)
    scene.redis.remember()
    seconds = a_moment(scene, 0.2, 4.0)
    scene.redis.fall_back()
    return f"by {seconds:.1f} s, and is back at once"


def _rewrite(scene: Scene) -> None:
    """Keep the append-only file small, and whole while it is copied."""
    client = scene.client()
    client.config_set("auto-aof-rewrite-percentage", 0)
    if int(client.info("persistence")["aof_current_size"]) > 64 << 20:
        client.bgrewriteaof()
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 60, "the append-only file to be rewritten")


@deed("Redis killed and started")
def redis_restart(scene: Scene) -> str:
    scene.redis.program.kill()
    away = a_moment(scene, 0.0, 3.0)
    scene.redis.start()
    return f"away for {away:.1f} s"


# ------------------------------------------------------------------------------------------------------ losses


def _some(scene: Scene) -> tuple[str, list[bytes]]:
    """One of the names of keys, and those that there are."""
    names = scene.rng.sample(LOST, len(LOST))
    return next(((name, keys) for name in names if (keys := scene.keys(name))), ("of what is not there yet", []))


@deed("keys are evicted", 4)
def evict(scene: Scene) -> str:
    name, keys = _some(scene)
    lost = scene.rng.sample(keys, min(len(keys), scene.rng.choice((1, 2, 100))))
    return f"{scene.client().delete(*lost) if lost else 0} of {len(keys)} {name}"


@deed("fields are deleted", 2)
def fields(scene: Scene) -> str:
    name = scene.rng.choice(("accounts", "pane:*", "verdicts", "standings"))
    keys, client = scene.keys(name), scene.client()
    if not keys:
        return f"none of {name}"
    key = scene.rng.choice(keys)
    found = sorted(client.hkeys(key))
    lost = scene.rng.sample(found, min(len(found), scene.rng.choice((1, 5, 50))))
    return f"{client.hdel(key, *lost) if lost else 0} of {len(found)} in {name}"


@deed("all keys of a shard are lost")
def evict_shard(scene: Scene) -> str:
    shard = scene.shard()
    keys = scene.keys("*", shard)
    return f"{scene.client().delete(*keys) if keys else 0} of shard {shard}"


@deed("what judge and keepers say, or have staged, is lost", 3)
def evict_words(scene: Scene) -> str:
    name = scene.rng.choice((*SPOKEN, "redo:*"))
    if name == "redo:*":
        scene.asked("stage", 5.0)
    ends = time.monotonic() + 2.0
    while not (keys := scene.keys(name)) and time.monotonic() < ends:
        time.sleep(0.002)  # answers are there for a moment only
    return f"{scene.client().delete(*keys) if keys else 0} {name}"


@deed("FLUSHALL")
def flush(scene: Scene) -> str:
    scene.client().flushall()
    return "everything"


@deed("a value does not decode", 4)
def spoil(scene: Scene) -> str:
    name, field = scene.rng.choice(SPOILT)
    keys, client = scene.keys(name), scene.client()
    if not keys:
        return f"none of {name}"
    key, value = scene.rng.choice(keys), scene.rng.choice((b"", b"x", b"\xff\xfe", b"{}", b"-"))
    if field is None:
        if name == "asks":
            client.xadd(key, {"message": value})
            return f"{name}, {value!r} more"
        client.append(key, b"x")
        return f"{name}, a byte more"
    if not field:
        names = sorted(client.hkeys(key))
        field = scene.rng.choice(names) if names else b"nobody"
    client.hset(key, field, value)
    return f"{name} {field.decode() if isinstance(field, bytes) else field} = {value!r}"


@deed("a key of another type", 4)
def misplace(scene: Scene) -> str:
    name, keys = _some(scene)
    if not keys:
        return f"none {name}"
    client, key, kind = scene.client(), scene.rng.choice(keys), scene.rng.choice(("list", "set", "string", "hash"))
    pipe = client.pipeline(transaction=True)
    pipe.delete(key)
    {"list": lambda: pipe.rpush(key, "x"), "set": lambda: pipe.sadd(key, "x"), "string": lambda: pipe.set(key, "x"),
     "hash": lambda: pipe.hset(key, "x", "x")}[kind]()  # fmt: skip
    pipe.execute()
    return f"{name} becomes a {kind}"


# ------------------------------------------------------------------------------------------------------ refusals


def _refuses(code: str) -> Deed:
    def done(scene: Scene) -> str:
        with REFUSALS[code][0](scene.redis):
            return f"for {a_moment(scene, 0.3, 4.0):.1f} s"

    return done


for each_code in REFUSALS:
    deed(each_code)(_refuses(each_code))


@deed("a right is taken away")
def no_permission(scene: Scene) -> str:
    right = scene.rng.choice(RIGHTS)
    with refusals.no_permission(right)(scene.redis):
        return f"{right} for {a_moment(scene, 0.3, 4.0):.1f} s"
