"""All shards, wherever their keepers are: the judge's own worker is asked in this process, others through the store.

See :class:`siphonwatch.detector.judging.shards.Shards`. Those who are asked stay the same for as long as a step lasts; where one of
them keeps others by then, or does not answer, the step is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog
from siphonwatch.detector.judging.shard import Judged, Shard
from siphonwatch.streams.common.errors import Moved, Unavailable
from siphonwatch.streams.stores.base import Store
from siphonwatch.streams.worker import wire
from siphonwatch.streams.worker.keeper import CALLS, OF_SHARDS, PRESENT, Begun, Keeper, Staged

T = TypeVar("T")
log = structlog.get_logger()

LOOKS = 1.0  # seconds to wait for an answer before looking whether those who were asked are still the same
AGAIN = 5.0  # seconds without an answer before the question is put again, as it may have been lost
PATIENCE = 120.0  # seconds to wait for an answer at all


class Keepers:
    """Who keeps the accounts, as one judge asks them."""

    def __init__(self, store: Store, keeper: Keeper, leader: str, stopping: threading.Event) -> None:
        self._store, self._keeper, self._leader, self._stopping = store, keeper, leader, stopping
        self._asks = 0
        self._of: list[str] = []
        self.moves = 0

    def gather(self, partitions: int) -> bool:
        """Find out who keeps the shards now; whether somebody keeps each."""
        owners = self._store.owners()
        names = {owners.of.get(partition, "") for partition in range(partitions)}
        self._of = sorted(names) if all(name.endswith(f"/{partitions}") for name in names) else []
        self.moves = owners.moves
        return bool(self._of)

    def same(self, partitions: int) -> bool | None:
        """Whether those who were gathered keep the shards still; nothing is said while not all shards have a keeper."""
        before = self._of
        if not self.gather(partitions):
            self._of = before
            return None
        same, self._of = before == self._of, before
        return same

    def by(self, which: str) -> Judges:
        """The same, judged by one of the priors."""
        return Judges(self, which)

    # ------------------------------------------------------------------------------------------- asked of keepers

    def begin(self, mark: str) -> list[Begun]:
        """See :meth:`Keeper.begin`."""
        return self.ask("begin", leader=self._leader, mark=mark)

    def clear(self) -> None:
        """See :meth:`Keeper.clear`."""
        self.ask("clear")

    def settle(self) -> None:
        """See :meth:`Keeper.settle`."""
        self.ask("settle")

    def read(self, wanted: list[tuple[int, int, dict[int, int]]], erased: dict[str, float]) -> None:
        """See :meth:`Keeper.read`."""
        self.ask("read", wanted=wanted, erased=erased)

    def gone(self, erased: dict[str, float], closed: float) -> set[str]:
        """See :meth:`Keeper.gone`."""
        return {name for part in self.ask("gone", erased=erased, closed=closed) for name in part}

    def stage(self, mark: str) -> list[Staged]:
        """See :meth:`Keeper.stage`."""
        return self.ask("stage", mark=mark)

    def apply(self, mark: str) -> None:
        """See :meth:`Keeper.apply`."""
        self.ask("apply", mark=mark)

    # ------------------------------------------------------------------------------------------- how they are asked

    def ask(self, call: str, by: str = PRESENT, **values: Any) -> list[Any]:
        """What each of them answers, in one order. ``Moved`` where one of them keeps something else by now."""
        if not self._of:
            raise Moved("nobody keeps the accounts")
        mine = self._keeper.name  # which may be another one in a moment: the worker's own thread gives it partitions
        others = [name for name in self._of if name != mine]
        found: dict[str, Any] = {}
        self._asks += 1
        id = f"{self._leader}-{self._asks}"
        question = b""
        if others:
            packed = msgspec.Raw(wire.packed(values))
            question = msgspec.msgpack.encode(wire.Ask(id, self._leader, others, by, call, packed))
            self._store.post(question)
        if len(others) < len(self._of):
            found[mine] = self._keeper.asked(mine, self._leader, by, call, values)
        function = CALLS.get(call) or OF_SHARDS[call]
        began = asked = time.monotonic()
        while len(found) < len(self._of):
            said = self._answers(id, began + PATIENCE)
            if not said and time.monotonic() - asked > AGAIN:
                self._store.post(question)
                asked = time.monotonic()
            for answer in said:
                if answer.name in others:
                    if answer.error:
                        raise wire.raised(answer.name, answer.error)
                    found[answer.name] = _value(answer, function)
        return [found[name] for name in self._of]

    def _answers(self, id: str, ends: float) -> list[wire.Answer]:
        """The next answers that come."""
        said = self._store.answers(id, LOOKS)
        if self._stopping.is_set():
            raise Moved("this worker judges no more")
        if not said:
            owners = set(self._store.owners().of.values())
            if not owners >= set(self._of):
                raise Moved("shards moved to another worker")
            if time.monotonic() > ends:
                raise Unavailable(f"a worker that keeps a part of the accounts has not answered for {PATIENCE:.0f} s: see its log")
        return [answer for each in said if (answer := _read(each)) is not None]


def _value(answer: wire.Answer, function: Callable[..., Any]) -> Any:
    try:
        return wire.result(function, answer.value)
    except msgspec.DecodeError as error:
        raise Unavailable(f"{answer.name} does not answer as this version asks ({error}): run one version in all workers") from error


def _read(said: bytes) -> wire.Answer | None:
    try:
        return msgspec.msgpack.decode(said, type=wire.Answer)
    except msgspec.DecodeError:  # whatever was written there, no keeper did: who has not answered is asked again
        log.error("an answer does not decode")
        return None


class Judges:
    """The shards of all keepers, by one of the priors."""

    def __init__(self, keepers: Keepers, which: str) -> None:
        self._keepers, self._which = keepers, which

    def all(self, ask: Callable[[Shard], T]) -> list[T]:
        """See the protocol: ``ask`` is a method of :class:`Shard`, with what it is called with by name."""
        call, values = (ask.func, ask.keywords) if isinstance(ask, partial) else (ask, {})
        return self._keepers.ask(call.__name__, self._which, **values)

    def judge(self, tick: int, at: int, panes: Sequence[Any]) -> list[Judged]:
        """See the protocol; keepers have read their parts of the panes already."""
        return self._keepers.ask("judge", which=self._which, tick=tick, at=at)
