"""What is put down in chunks before it counts: of a shard, of a judging, or of a shard that is written anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgpack
import msgspec
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.base import Judging, ShardJudging, standing
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.connection import piped
from siphonwatch.streams.stores.redis.server import CHUNK, MOST_BYTES, Server

STAGED_SECONDS = 86_400  # that chunks of a shard live unless they are applied: as long may all workers be away after a judging was closed


def stage(server: Server, chunks: Iterable[tuple[str, int, msgspec.Struct]]) -> None:
    """Put down (key, number, chunk) each, some at a time; it may be done again and again."""
    some: list[tuple[str, str, bytes]] = []
    size = 0
    for key, number, chunk in chunks:
        some.append((key, str(number), scripts.packed(chunk)))
        size += len(some[-1][2])
        if size > MOST_BYTES:
            _put(server, some)
            some, size = [], 0
    _put(server, some)


def _put(server: Server, some: list[tuple[str, str, bytes]]) -> None:
    def put() -> None:
        pipe = server.client.pipeline(transaction=False)
        for key, number, packed in some:
            pipe.hset(key, number, packed)
            pipe.expire(key, STAGED_SECONDS)
        piped(pipe)

    if some:
        server.again([key for key, _, _ in some], put)


def judge_chunks(judging: Judging) -> list[scripts.JudgeChunk]:
    """What a judging says beside its shards, in parts; the first has the rulings."""
    placed = [scripts.JudgedRuling(ruling.id, msgspec.json.encode(ruling)) for ruling in judging.placed]
    told = [scripts.JudgedFinding(*each) for each in judging.findings]
    made = [scripts.JudgeChunk(told[start : start + CHUNK]) for start in range(0, len(told), CHUNK)]
    if placed:
        made = made or [scripts.JudgeChunk()]
        made[0].placed = placed
    return made


def whose(changes: ShardJudging) -> list[tuple[list[str], int]]:
    """Of each chunk of a shard, (whose verdicts it changes, how much it changes)."""
    before = len(changes.accounts) + len(changes.dropped)
    names, total = list(changes.verdicts), before + len(changes.verdicts)
    return [
        (names[max(start - before, 0) : max(start + CHUNK - before, 0)], min(CHUNK, total - start))
        for start in range(0, max(total, 1), CHUNK)
    ]


def shard_chunks(changes: ShardJudging, base: str = "") -> Iterator[scripts.ShardChunk]:
    """What changes in a shard that is as of the mark ``base``, in the parts of :func:`whose`: accounts, dropped, verdicts."""
    accounts, dropped, parts = changes.accounts, changes.dropped, whose(changes)
    for number, (names, _) in enumerate(parts):
        start, after = number * CHUNK, max(number * CHUNK - len(accounts), 0)
        some = accounts[start : start + CHUNK]
        gone = dropped[after : max(start + CHUNK - len(accounts), 0)]
        verdicts = [_judged(name, changes.verdicts[name], changes.height) for name in names]
        yield scripts.ShardChunk(len(parts), base, [scripts.JudgedAccount(*each) for each in some], list(gone), verdicts)


def _judged(account: str, verdict: Verdict | None, height: float) -> scripts.JudgedVerdict:
    if verdict is None:
        return scripts.JudgedVerdict(account, b"", {})
    return scripts.JudgedVerdict(account, msgspec.json.encode(standing(verdict, height)), verdict_fields(verdict))


def verdict_fields(verdict: Verdict) -> dict[str, str]:
    """A verdict as the plain hash that a gateway reads."""
    return {
        "level": verdict.level,
        "score": f"{verdict.score:.4f}",
        "flagged_at": "" if verdict.flagged_at is None else f"{verdict.flagged_at:.3f}",
        "campaign": verdict.campaign or "",
        "reasons": "; ".join(reason.text for reason in verdict.reasons),
        "json": msgspec.json.encode(verdict).decode(),
    }


def names_in(packed: bytes) -> list[str]:
    """Of a chunk of a shard as it is stored, whose verdicts it changes: their keys must be declared. ``ValueError`` where it is none."""
    try:
        chunk = msgpack.unpackb(packed, raw=True)  # rows are no text, which the old form cannot say
        return [verdict[b"account"].decode() for verdict in chunk[b"verdicts"]]
    except Exception as error:  # whatever was written there, nobody here did
        raise ValueError("no chunk") from error
