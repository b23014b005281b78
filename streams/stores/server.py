"""A Redis server as the store asks it: keys, scripts, and every way in which it may refuse.

An error is told by its class, or by its code where the client has no class for it; whatever it is, nothing was written and the caller may
try again. Only what no waiting mends is told apart: a key of another type, which is set aside.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import redis
import redis.exceptions
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from siphonwatch.streams.common.errors import Behind, Fenced, Sealed, Unavailable, UsageError
from siphonwatch.streams.common.secret import quoted, shown
from siphonwatch.streams.stores import scripts
from siphonwatch.streams.stores.base import Fault, Fence

log = structlog.get_logger()

LAYOUT = "4"  # of the keys
TIMEOUT = 10.0  # seconds for one answer
T = TypeVar("T")
KINDS = {"ids": "string", "secret": "string", "redo": "list", "outbox": "list", "trail": "list", "ranking": "zset", "findings": "stream",
         "withdrawn": "set"}  # fmt: skip  # of keys, by the first part of their name: all others are hashes

# what to do, by the class of an error ...
ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, "it wants another user or password: put them into --store"),
    (redis.exceptions.NoPermissionError, "this user may not: give it the commands and keys that docs/redis-keys.md names"),
    (redis.BusyLoadingError, "it is loading its data: wait"),
    (redis.exceptions.ReadOnlyError, "it is a replica: point --store at the primary"),
    (redis.OutOfMemoryError, "it is out of memory: raise its maxmemory, or lower ttl_days"),
    (redis.exceptions.MasterDownError, "it is a replica that has lost its primary: point --store at the primary"),
    (redis.exceptions.ClusterDownError, "its cluster is down: see CLUSTER INFO"),
    (redis.exceptions.TryAgainError, "its slots are moving: wait"),
    (redis.exceptions.ClusterError, "its slots are moving: wait, or see CLUSTER INFO"),
    (redis.exceptions.RedisClusterException, "its cluster is not whole: see CLUSTER INFO"),
    (redis.TimeoutError, f"no answer in {TIMEOUT:.0f} s: see whether it is overloaded or frozen"),
    (redis.ConnectionError, "is it running, and is --store its address?"),
)
# ... and by its code, of those that the client has no class for
CODES = {
    "BUSY": "a script runs for too long: SCRIPT KILL ends it",
    "MISCONF": "it cannot save its data: see its disk",
    "NOREPLICAS": "too few replicas follow it: bring them back, or lower min-replicas-to-write",
    "UNKILLABLE": "a script runs for too long and has written: wait",
}


REFUSING = (redis.AuthenticationError, redis.BusyLoadingError)  # which the client counts among errors of the connection


class MisplacedError(Unavailable):
    """A key is of another type than what is asked of it."""


def open_client(url: str) -> Any:
    """A connection to ``url``; ``UsageError`` where it is no Redis URL."""
    readable = quoted(url)
    try:
        if url.startswith("redis+cluster://"):
            return redis.RedisCluster.from_url(readable.replace("redis+cluster://", "redis://", 1), socket_timeout=TIMEOUT)
        return redis.Redis.from_url(
            readable, socket_timeout=TIMEOUT, socket_connect_timeout=3.0, retry=Retry(NoBackoff(), 0), health_check_interval=30
        )
    except ValueError:  # its words may quote a part of the password
        raise UsageError(
            f"--store {shown(url)} is no Redis URL: write redis://:PASSWORD@HOST:PORT/0, what is odd in the password percent-encoded"
        ) from None
    except (redis.RedisError, redis.exceptions.RedisClusterException, OSError) as error:  # a cluster is asked for its slots at once
        raise refused(error) from error


def refused(error: Exception) -> Unavailable:
    """What the worker waits on, in words: what is wrong, and what to do."""
    code = str(error).split(" ", 1)[0]
    advice = CODES.get(code) or next((words for kind, words in ADVICE if isinstance(error, kind)), "see its log")
    away = isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError) and not isinstance(error, REFUSING)
    verb = "does not answer" if away else "refuses"
    return Unavailable(f"Redis {verb} ({error}): {advice}")


def ask(call: Callable[[], T]) -> T:
    """Run ``call``; every way in which a server can be away or unwilling becomes ``Unavailable``."""
    try:
        return call()
    except redis.ResponseError as error:
        if "WRONGTYPE" in str(error):
            raise MisplacedError(str(error)) from error
        raise refused(error) from error
    except (redis.RedisError, redis.exceptions.RedisClusterException, OSError) as error:
        raise refused(error) from error


def piped(pipe: Any) -> list[Any]:
    """What a pipeline answers; the first error as it came, as the client puts words before the code of those that it raises itself."""
    answers: list[Any] = pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


class Server:
    """Keys of one topic on one server."""

    def __init__(self, url: str, topic: str, prefix: str, ttl: int) -> None:
        self.client = open_client(url)
        self.prefix, self.topic, self.ttl = prefix, topic, ttl
        self.base = f"{prefix}:{LAYOUT}"
        self._scripts = {call: self.client.register_script(scripts.source(call)) for call in scripts.CALLS}
        self._who, self._writes = secrets.token_hex(6), 0
        self.faults: list[Fault] = []  # that were found while something else was asked, and that nobody has counted yet

    def of_partition(self, partition: int, name: str) -> str:
        """A key of a partition."""
        return f"{self.base}:{{{self.topic}:{partition}}}:{name}"

    def of_topic(self, name: str) -> str:
        """A key of the judging."""
        return f"{self.base}:{{{self.topic}}}:{name}"

    def mark(self) -> str:
        """A mark like no other."""
        self._writes += 1
        return f"{self._who}-{self._writes}"

    def run(self, keys: list[str], call: scripts.Call) -> Any:
        """Run a script and answer what it does, as it stands."""
        return ask(lambda: self._scripts[type(call)](keys=keys, args=[scripts.packed(call)]))

    def claim(self, key: str, what: str, faults: list[Fault]) -> tuple[Fence, Fence]:
        """Own a partition or the judging: (the new owner's fence, what was there). A key that cannot be read is set aside first."""
        call = scripts.Claim(self.ttl, self.mark())
        while (answer := self.run([key], call))[0] == scripts.MISPLACED:
            faults.append(Fault("unreadable", what, self.set_aside(key)))
        epoch, before, mark = answer
        return Fence(int(epoch), call.mark), Fence(int(before), mark.decode(errors="replace"))

    def write(self, keys: list[str], call: scripts.Call, whose: str, partition: int | None = None) -> list[Any]:
        """Run a script that may refuse; what it answers beside OK. A key of another type is set aside."""
        rest: list[Any]
        answer, *rest = self.run(keys, call)
        if answer == scripts.OK:
            return rest
        if answer == scripts.FENCED:
            raise Fenced(f"{whose} has a new owner")
        if answer == scripts.SEALED:
            raise Sealed(f"{whose} was sealed meanwhile")
        if answer == scripts.BEHIND:
            raise Behind(
                f"Redis has lost what was last written of {whose}: it fell back to an earlier moment",
                "judging" if partition is None else "partition", partition,
            )  # fmt: skip
        key = rest[0].decode()
        kind = "missing"
        if answer == scripts.MISPLACED:
            kind, key = "unreadable", self.set_aside(key)
        raise Behind(f"{key} holds less than was written to it", self.what(key), partition, kind)

    def what(self, key: str) -> str:
        """What a key holds, in one of few words."""
        name = key.split("}:", 1)[-1].removeprefix("aside:").split(":")[0]
        return {"meta": "position", "judge": "context", "redo": "accounts", "rulings": "ruling", "placed": "ruling",
                "withdrawn": "ruling"}.get(name, name)  # fmt: skip

    def set_aside(self, key: str) -> str:
        """Move a key that cannot be read out of the way, for somebody to look at; where it is then."""
        tag, name = key.split("}:", 1)
        to = f"{tag}}}:aside:{name}"

        if ask(lambda: self.client.exists(key)):  # another may have moved it already
            ask(lambda: self.client.rename(key, to))
            ask(lambda: self.client.expire(to, self.ttl))
        log.error("a key of another type was set aside", key=key, to=to)
        return to

    def set_field_aside(self, key: str, field: bytes | str, value: bytes) -> Fault:
        """Move a field whose value does not decode out of the way."""
        tag, name = key.split("}:", 1)
        to = f"{tag}}}:aside:{name}"

        ask(lambda: self.client.hset(to, field, value))
        ask(lambda: self.client.expire(to, self.ttl))
        ask(lambda: self.client.hdel(key, field))
        shown_field = field.decode(errors="replace") if isinstance(field, bytes) else field
        log.error("a value that does not decode was set aside", key=key, field=shown_field, to=to)
        return Fault("unreadable", {"accounts": "account", "verdicts": "verdict"}.get(name, self.what(key)), f"{to} {shown_field}")

    def set_element_aside(self, key: str, value: bytes) -> Fault:
        """Move an element of a list that does not decode out of the way."""
        tag, name = key.split("}:", 1)
        to = f"{tag}}}:aside:{name}"

        ask(lambda: self.client.rpush(to, value))
        ask(lambda: self.client.expire(to, self.ttl))
        ask(lambda: self.client.lrem(key, 1, value))
        log.error("a value that does not decode was set aside", key=key, to=to)
        return Fault("unreadable", self.what(key), to)

    def read(self, key: str, call: Callable[[], T], otherwise: T, faults: list[Fault] | None = None) -> T:
        """Read a key; where it is of another type it is set aside, which is a fault, and there is nothing."""
        try:
            return ask(call)
        except MisplacedError:
            to = self.set_aside(key)
            (self.faults if faults is None else faults).append(Fault("unreadable", self.what(key), to))
            return otherwise

    def again(self, keys: list[str], call: Callable[[], T]) -> T:
        """Write; where one of ``keys`` is of another type than its name says it is set aside, and it is written anew."""
        try:
            return ask(call)
        except MisplacedError:
            for key in keys:
                kind = ask(lambda key=key: self.client.type(key)).decode()  # type: ignore[misc]
                if kind not in ("none", self.kind(key)):
                    self.faults.append(Fault("unreadable", self.what(key), self.set_aside(key)))
            return ask(call)

    @staticmethod
    def kind(key: str) -> str:
        """The type of a key, by its name."""
        return KINDS.get(key.split("}:", 1)[-1].split(":", maxsplit=1)[0], "hash")
