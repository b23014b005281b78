"""The ways in which a real Redis refuses: each a state that a server is in for as long as the context lasts."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services.process import free_port, wait_until
from tests.services.redis import RedisServer

Refusal = Callable[[RedisServer], AbstractContextManager[None]]
FILLING = 3000  # keys that take five milliseconds each to load, until they need not
EVERYTHING = ("on", "nopass", "~*", "&*", "+@all")  # what the default user may


def client(server: RedisServer) -> Any:
    """A connection as an operator has one."""
    return redis.Redis(port=server.port, socket_timeout=20, retry=Retry(NoBackoff(), 0))


def configured(name: str, refusing: object, usual: object) -> Refusal:
    """A state that one setting brings about."""

    @contextlib.contextmanager
    def refusal(server: RedisServer) -> Iterator[None]:
        operator = client(server)
        operator.config_set(name, refusing)
        try:
            yield
        finally:
            operator.config_set(name, usual)

    return refusal


@contextlib.contextmanager
def replica(server: RedisServer, stale: str = "yes") -> Iterator[None]:
    """A replica of nobody who answers; whether it still answers reads with what it has."""
    operator = client(server)
    operator.config_set("replica-serve-stale-data", stale)
    operator.replicaof("127.0.0.1", free_port())
    try:
        yield
    finally:
        operator.replicaof("NO", "ONE")
        operator.config_set("replica-serve-stale-data", "yes")


@contextlib.contextmanager
def master_down(server: RedisServer) -> Iterator[None]:
    """A replica that answers nothing."""
    with replica(server, "no"):
        yield


@contextlib.contextmanager
def busy(server: RedisServer) -> Iterator[None]:
    """A script runs without an end."""
    operator = client(server)
    operator.config_set("busy-reply-threshold", 50)

    def loop() -> None:
        with contextlib.suppress(redis.RedisError):  # that it was ended
            client(server).eval("while true do end", 0)

    def refuses() -> bool:
        try:
            operator.ping()
        except redis.RedisError:
            return True
        return False

    looping = threading.Thread(target=loop)
    looping.start()
    wait_until(refuses, 20, "the script to run for too long")
    try:
        yield
    finally:
        operator.script_kill()
        looping.join(20)


def no_permission(right: str = "-@write") -> Refusal:
    """The user may not."""

    @contextlib.contextmanager
    def refusal(server: RedisServer) -> Iterator[None]:
        operator = client(server)
        operator.execute_command("ACL SETUSER", "default", right)
        try:
            yield
        finally:
            operator.execute_command("ACL SETUSER", "default", *EVERYTHING)

    return refusal


@contextlib.contextmanager
def another_password(server: RedisServer) -> Iterator[None]:
    """The server wants a password that nobody has, from everybody anew."""
    operator = client(server)
    operator.config_set("requirepass", "another")
    operator.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
    try:
        yield
    finally:
        operator.config_set("requirepass", "")


@contextlib.contextmanager
def cannot_save(server: RedisServer) -> Iterator[None]:
    """Its snapshots fail: there is a folder where the file should be."""
    operator = client(server)
    (server.folder / "in-the-way.rdb").mkdir(exist_ok=True)
    operator.config_set("dbfilename", "in-the-way.rdb")
    operator.config_set("save", "3600 1000000")
    operator.bgsave()
    wait_until(lambda: operator.info("persistence")["rdb_last_bgsave_status"] == "err", 20, "the snapshot to fail")
    try:
        yield
    finally:
        operator.config_set("save", "")


@contextlib.contextmanager
def loading(server: RedisServer) -> Iterator[None]:
    """It was started anew, and takes its time to read its data."""
    pipe = client(server).pipeline(transaction=False)
    for number in range(FILLING):
        pipe.set(f"filler:{number}", os.urandom(1100))  # it listens after each kilobyte
    pipe.execute()
    operator = client(server)
    operator.bgrewriteaof()
    wait_until(lambda: not operator.info("persistence")["aof_rewrite_in_progress"], 60, "the append-only file to be rewritten")
    server.program.kill()
    server.launch("--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024")

    def refuses() -> bool:
        try:
            client(server).ping()
        except redis.BusyLoadingError:
            return True
        except redis.RedisError:
            return False
        return False

    wait_until(refuses, 20, "it to say that it loads")
    try:
        yield
    finally:
        with contextlib.suppress(redis.RedisError):
            client(server).config_set("key-load-delay", 0)
        wait_until(server.answers, 60, "it to have loaded")
        client(server).delete(*(f"filler:{number}" for number in range(FILLING)))


# code of the error -> (how it comes about, words of what an operator is told to do)
REFUSALS: dict[str, tuple[Refusal, str]] = {
    "OOM": (configured("maxmemory", 1, 0), "raise its maxmemory"),
    "READONLY": (replica, "point --store at the primary"),
    "MASTERDOWN": (master_down, "point --store at the primary"),
    "NOREPLICAS": (configured("min-replicas-to-write", 1, 0), "too few replicas"),
    "NOPERM": (no_permission(), "give it the commands"),
    "BUSY": (busy, "SCRIPT KILL"),
    "MISCONF": (cannot_save, "see its disk"),
    "AUTH": (another_password, "another user or password"),
    "LOADING": (loading, "it is loading"),
}
