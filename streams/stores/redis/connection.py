"""The connection to a Redis server, and every way in which it may refuse.

An error is told by its class, or by its code where the client has no class for it; whatever it is, nothing was written and the caller may
try again. Only what no waiting mends is told apart: a key of another type, which is set aside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry
from siphonwatch.streams.common.errors import Unavailable, UsageError
from siphonwatch.streams.common.secret import quoted, shown

TIMEOUT = 10.0  # seconds for one answer
T = TypeVar("T")

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


def good(answers: list[Any]) -> list[Any]:
    """Answers of a pipeline; the first error as it came, as the client puts words before the code of those that it raises itself."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def piped(pipe: Any) -> list[Any]:
    """What a pipeline answers, where it answers to all."""
    return good(pipe.execute(raise_on_error=False))


def misplaced(answer: Any) -> bool:
    """Whether this is an answer of a pipeline to who asked a key of another type."""
    return isinstance(answer, redis.ResponseError) and "WRONGTYPE" in str(answer)
