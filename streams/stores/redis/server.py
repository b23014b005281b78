"""A Redis server as the store asks it: keys, scripts, many questions in one go, and what becomes of what cannot be read."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import redis
import redis.exceptions
import structlog
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Sealed
from siphonwatch.streams.stores.base import Fault, Fence
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.connection import MisplacedError, ask, good, misplaced, open_client, refused

log = structlog.get_logger()

LAYOUT = "5"  # of the keys
CHUNK = 1000  # accounts, verdicts or findings that are written, or rows that are read, in one step
TOGETHER = 2 * CHUNK  # of them in one round trip, where they stand in many small keys
MOST_BYTES = 4_000_000  # that are sent in one round trip
T = TypeVar("T")
KINDS = {"ids": "string", "secret": "string", "outbox": "list", "answers": "list", "trail": "list", "ranking": "zset",
         "findings": "stream", "asks": "stream", "withdrawn": "set"}  # fmt: skip  # of keys, by the first part of their name; else hashes
_SHARD = re.compile(r"\{[^{}]*:s(\d+)\}:")


def portions(weights: Sequence[int], most: int) -> Iterator[range]:
    """Places of things that weigh so much, in runs that weigh ``most`` together, or are one thing alone."""
    start = weight = 0
    for at, each in enumerate(weights):
        if at > start and weight + each > most:
            yield range(start, at)
            start, weight = at, 0
        weight += each
    if weights:
        yield range(start, len(weights))


def shard_in(key: str) -> int:
    """Whose key it is."""
    found = _SHARD.search(key)
    if found is None:
        raise ValueError(f"{key} is no key of a shard")
    return int(found[1])


class Server:
    """Keys of one topic on one server."""

    def __init__(self, url: str, topic: str, prefix: str, ttl: int) -> None:
        self.client = open_client(url)
        self.prefix, self.topic, self.ttl = prefix, topic, ttl
        self.base = f"{prefix}:{LAYOUT}"
        self._scripts = {call: self.client.register_script(scripts.source(call)) for call in scripts.CALLS}
        self._who, self._writes = secrets.token_hex(6), itertools.count(1)  # threads share it
        self.faults: list[Fault] = []  # that were found while something else was asked, and that nobody has counted yet

    def of_partition(self, partition: int, name: str) -> str:
        """A key of a partition."""
        return f"{self.base}:{{{self.topic}:{partition}}}:{name}"

    def of_shard(self, shard: int, name: str) -> str:
        """A key of a shard of the accounts."""
        return f"{self.base}:{{{self.topic}:s{shard}}}:{name}"

    def of_topic(self, name: str) -> str:
        """A key of the judging."""
        return f"{self.base}:{{{self.topic}}}:{name}"

    def mark(self) -> str:
        """A mark like no other."""
        return f"{self._who}-{next(self._writes)}"

    def run(self, keys: list[str], call: scripts.Call) -> Any:
        """Run a script and answer what it does, as it stands."""
        return ask(lambda: self._scripts[type(call)](keys=keys, args=[scripts.packed(call)]))

    def run_all(self, calls: Sequence[tuple[list[str], scripts.Call]], weights: Sequence[int] | None = None) -> list[Any]:
        """Run many scripts, each by itself, in few round trips; what each answers. What ``weights`` say bounds what one round trip does."""
        packed = [scripts.packed(call) for _, call in calls]
        sizes = [
            max(len(each), MOST_BYTES * (weights[at] if weights else 1) // TOGETHER)  # whichever bound is nearer
            for at, each in enumerate(packed)
        ]
        answers: list[Any] = []
        for some in portions(sizes, MOST_BYTES):
            answers += self._run_some([(keys, type(call)) for keys, call in calls[some.start : some.stop]], packed[some.start : some.stop])
        return answers

    def _run_some(self, calls: Sequence[tuple[list[str], type[scripts.Call]]], packed: Sequence[bytes]) -> list[Any]:
        def run(which: Sequence[int]) -> list[Any]:
            pipe = self.client.pipeline(transaction=False)
            for at in which:
                keys, call = calls[at]
                pipe.execute_command("EVALSHA", self._scripts[call].sha, len(keys), *keys, packed[at])
            return cast(list[Any], pipe.execute(raise_on_error=False))

        answers = ask(lambda: run(range(len(calls))))
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, redis.exceptions.NoScriptError)]
        for call in {calls[at][1] for at in unknown}:
            ask(lambda call=call: self.client.script_load(self._scripts[call].script))  # type: ignore[misc]
        for at, answer in zip(unknown, ask(lambda: run(unknown)) if unknown else [], strict=True):
            answers[at] = answer
        return ask(lambda: good(answers))

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
        if answer == scripts.MOVED:
            raise Moved("a shard has another keeper by now")
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
        return {"meta": "position", "judge": "context", "shard": "accounts", "redo": "accounts" if _SHARD.search(key) else "findings",
                "rulings": "ruling", "placed": "ruling", "withdrawn": "ruling", "answers": "asks"}.get(name, name)  # fmt: skip

    def set_aside(self, key: str) -> str:
        """Move a key that cannot be read out of the way, for somebody to look at; where it is then."""
        tag, name = key.split("}:", 1)
        to = f"{tag}}}:aside:{name}"

        def move() -> None:
            try:
                self.client.rename(key, to)
            except redis.ResponseError as error:
                if "no such key" not in str(error):  # another has moved it already
                    raise

        ask(move)
        ask(lambda: self.client.expire(to, self.ttl))
        log.error("a key of another type was set aside", key=key, to=to)
        return to

    def _add_aside(self, to: str, add: Callable[[], object]) -> None:
        """Add to what was set aside; a whole key that was put there before, of another type, gives way: the newest is kept."""
        try:
            ask(add)
        except MisplacedError:
            ask(lambda: self.client.delete(to))
            ask(add)
        ask(lambda: self.client.expire(to, self.ttl))

    def set_field_aside(self, key: str, field: bytes | str, value: bytes) -> Fault:
        """Move a field whose value does not decode out of the way."""
        tag, name = key.split("}:", 1)
        to = f"{tag}}}:aside:{name}"
        self._add_aside(to, lambda: self.client.hset(to, field, value))
        ask(lambda: self.client.hdel(key, field))
        shown_field = field.decode(errors="replace") if isinstance(field, bytes) else field
        log.error("a value that does not decode was set aside", key=key, field=shown_field, to=to)
        return Fault("unreadable", {"accounts": "account", "verdicts": "verdict"}.get(name, self.what(key)), f"{to} {shown_field}")

    def set_element_aside(self, key: str, value: bytes) -> Fault:
        """Move an element of a list that does not decode out of the way."""
        tag, name = key.split("}:", 1)
        to = f"{tag}}}:aside:{name}"
        self._add_aside(to, lambda: self.client.rpush(to, value))
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

    def read_all(
        self, keys: Sequence[str], command: Callable[[Any, str], object], otherwise: T,
        faults: list[Fault] | None = None, weights: Sequence[int] | None = None, aside: bool = True,
    ) -> list[T]:  # fmt: skip
        """Read many keys in few round trips, as :meth:`read` does one; where nothing may be set ``aside`` another type is an error."""
        found: list[T] = []
        for some in portions([1] * len(keys) if weights is None else weights, TOGETHER):

            def ask_some(some: range = some) -> list[Any]:
                pipe = self.client.pipeline(transaction=False)
                for at in some:
                    command(pipe, keys[at])
                return cast(list[Any], pipe.execute(raise_on_error=False))

            for at, answer in zip(some, ask(ask_some), strict=True):
                if misplaced(answer):
                    if not aside:
                        raise MisplacedError(f"{keys[at]} is of another type: who keeps these accounts writes it again")
                    to = self.set_aside(keys[at])
                    (self.faults if faults is None else faults).append(Fault("unreadable", self.what(keys[at]), to))
                elif isinstance(answer, Exception):
                    raise refused(answer)
                found.append(otherwise if isinstance(answer, Exception) else answer)
        return found

    def hashes(
        self, keys: Sequence[str], faults: list[Fault] | None = None, lengths: Sequence[int] | None = None
    ) -> list[dict[bytes, bytes]]:
        """What many hashes hold: small ones together, large ones bit by bit; where it is known how much that is, ``lengths`` say so."""
        known = self.read_all(keys, lambda pipe, key: pipe.hlen(key), 0, faults) if lengths is None else lengths
        found: list[dict[bytes, bytes]] = [{} for _ in keys]
        small = [at for at, length in enumerate(known) if 0 < length <= TOGETHER]
        answers = self.read_all(
            [keys[at] for at in small], lambda pipe, key: pipe.hgetall(key), dict[bytes, bytes](), faults, [known[at] for at in small]
        )
        for at, answer in zip(small, answers, strict=True):
            found[at] = answer
        for at, length in enumerate(known):
            if length > TOGETHER:
                found[at] = self.read(keys[at], lambda at=at: dict(self.client.hscan_iter(keys[at], count=CHUNK)), {}, faults)  # type: ignore[misc]
        return found

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
