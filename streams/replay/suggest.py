"""A mapping file for a JSON log of a kind that nobody foresaw, proposed from a sample of it: names and values vote for each field.

The proposal is tried on the sample before it is shown, and every line says in how many records its path holds something, and how sure the
guess is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.printable import printable
from siphonwatch.streams.formats import envelopes
from siphonwatch.streams.formats.base import Decoded, RecordDecoder
from siphonwatch.streams.formats.lenient import Reading, loads
from siphonwatch.streams.formats.mapping import at, checked, reader
from siphonwatch.streams.replay.guesses import RULES, Seen, is_time, is_turns
from siphonwatch.streams.sources import files

SAMPLE = 500  # records looked at
DEEPEST, WIDEST = 6, 400  # steps of a path, and paths of a record
_PLAIN = re.compile(r"[A-Za-z0-9_@$:/-]+")


def suggest(paths: Sequence[Path | str]) -> str:
    """The proposal as a TOML file with comments; ``UsageError`` where there is nothing to propose from."""
    sample = list(_sample(paths))
    if not sample:
        raise UsageError("there is no JSON object in these files to propose a mapping from")
    inner = _inner(sample)
    ones = [one for record in sample for one in (at(record, inner.split(".")) if inner else [record]) if isinstance(one, dict)]
    seen = _paths(ones)
    chosen = _chosen(seen, len(ones))
    if "timestamp" not in chosen:
        raise UsageError(f"no field of these records looks like a time: {_names(seen)}")
    if "account_id" not in chosen and "source_ip" in chosen:
        chosen["account_id"] = [(sure / 2, each) for sure, each in chosen["source_ip"]]
    fields = {name: [_written(each.path) for _, each in found] for name, found in chosen.items()}
    constants = {} if "model" in fields else {"model": "unknown"}
    skip = _skips(seen)
    table: dict[str, Any] = {
        "fields": {name: value if len(value) > 1 else value[0] for name, value in fields.items()},
        "constants": constants,
    }
    if inner:
        table["records"] = inner
    if skip:
        table["only"] = skip
    lines = [f"# proposed from {len(ones):,} records; read each line before it is trusted"]
    if "account_id" not in fields:
        lines.append("# no field looks like an account: put one in, or siphonwatch cannot tell clients apart")
        table["fields"]["account_id"] = "?"
    lines += _trial(table, sample)
    return "\n".join([*lines, "", *_toml(table, chosen, len(ones))])


def _sample(paths: Sequence[Path | str]) -> Iterator[dict[str, Any]]:
    left = SAMPLE
    for path in files.find(paths, []):
        for chunk in files.read(path, []):
            for raw in chunk.records[:left]:
                left -= 1
                try:
                    value = loads(envelopes.bare(raw), Reading("sample"))
                except (ValueError, RecursionError):
                    continue
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, dict):
                        yield one
            if left <= 0:
                return


def _inner(sample: list[dict[str, Any]]) -> str:
    """The path of a list of records within each record, '' where a record is one."""
    for name in sample[0]:
        held = [record.get(name) for record in sample]
        lists = [each for each in held if isinstance(each, list) and each and all(isinstance(one, dict) for one in each)]
        if len(lists) == len(sample) and len(sample[0]) <= 8:
            keys = {key for each in lists for one in each for key in one}
            if any(is_time(value) for each in lists for one in each for value in one.values()) and not {"role", "content"} <= keys:
                return _written((name,))
    return ""


def _paths(ones: list[dict[str, Any]]) -> list[Seen]:
    found: dict[tuple[str, ...], Seen] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and len(path) < DEEPEST:
            with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
                value = msgspec.json.decode(value)
        if path:
            if path not in found:
                if len(found) >= WIDEST:
                    return
                found[path] = Seen(path)
            if value not in (None, "", "-", [], {}):
                found[path].values.append(value)
        if len(path) >= DEEPEST:
            return
        if isinstance(value, dict):
            for key, each in value.items():
                if key and len(str(key)) < 64:
                    walk(each, (*path, str(key)))
        elif isinstance(value, list) and value and isinstance(value[0], dict) and not is_turns(value):
            walk(value[0], (*path, "0"))

    for one in ones:
        walk(one, ())
    return [each for each in found.values() if each.values]


LEAST = 0.35  # votes below which nothing is proposed


def _chosen(seen: list[Seen], total: int) -> dict[str, list[tuple[float, Seen]]]:
    """Field -> its candidates, the best first, with how sure each is (0 to 1)."""
    chosen: dict[str, list[tuple[float, Seen]]] = {}
    taken: set[tuple[str, ...]] = set()
    for name, vote, most in RULES:
        if name in chosen or (name in ("messages", "prompt") and ("body" in chosen or "messages" in chosen)):
            continue
        if name == "parameters" and "body" in chosen:
            continue
        inside = chosen.get("body", []) + chosen.get("response", []) if name in ("finish_reason", "cached_tokens") else []
        votes = sorted(
            ((vote(each) * min(1.0, 0.5 + len(each.values) / max(total, 1) / 2), -len(each.path), each.path, each) for each in seen),
            reverse=True,
        )
        best = [
            (sure, each) for sure, _, path, each in votes
            if sure >= LEAST and path not in taken and not any(path[: len(one.path)] == one.path for _, one in inside)
        ][:most]  # fmt: skip
        best = [each for each in best if each[0] > best[0][0] - 0.25]
        if best:
            chosen[name] = best
            taken |= {each.path for _, each in best}
    return chosen


def _skips(seen: list[Seen]) -> dict[str, list[str]]:
    """Lines of other kinds beside those of finished requests, where a field of few words tells them."""
    for each in seen:
        if each.last in ("event", "type", "kind", "category") and all(isinstance(value, str) for value in each.values):
            words = Counter(each.values)
            kept = [word for word in words if re.search(r"finish|complet|generation|request|llm|response", word, re.IGNORECASE)]
            if 1 < len(words) <= 12 and kept and len(kept) < len(words):
                finished = [word for word in kept if re.search(r"finish|complet|generation|response", word, re.IGNORECASE)]
                return {_written(each.path): sorted(finished or kept)}
    return {}


def _trial(table: dict[str, Any], sample: list[dict[str, Any]]) -> list[str]:
    decoded: Decoded = RecordDecoder(reader(checked(table, "the proposal")), Reading("mapping")).decode(
        [msgspec.json.encode(each) for each in sample]
    )
    texts = sum(bool(request.messages or request.prompt) for request in decoded.requests)
    accounts = len({request.account_id for request in decoded.requests})
    made = [
        f"# tried on them: {len(decoded.requests):,} requests of {accounts:,} accounts, {texts:,} with text, "
        f"{decoded.skipped:,} of something else"
    ]
    reasons = Counter(f"{dead.reason}: {dead.detail}" for dead in decoded.dead)
    return made + [f"# refused {count:,}: {printable(reason, 160)}" for reason, count in reasons.most_common(3)]


def _toml(table: dict[str, Any], chosen: dict[str, list[tuple[float, Seen]]], total: int) -> Iterator[str]:
    if "records" in table:
        yield f"records = {_quoted(table['records'])}"
        yield ""
    yield "[fields]"
    for name, value in table["fields"].items():
        sure, seen = chosen[name][0] if name in chosen else (0.0, None)
        words = "sure" if sure > 0.85 else "likely" if sure > 0.6 else "a guess"
        held = f"  # {words}; in {len(seen.values) / total:.0%} of records" if seen else "  # to be filled in"
        yield f"{name} = {_quoted(value)}{held}"
    for part in ("constants", "only"):
        if table.get(part):
            yield f"\n[{part}]"
            for name, value in table[part].items():
                yield f"{name if part == 'constants' else _quoted(name)} = {_quoted(value)}"


def _quoted(value: Any) -> str:
    """A TOML string, or a list of them."""
    return "[" + ", ".join(map(_quoted, value)) + "]" if isinstance(value, list) else msgspec.json.encode(value).decode()


def _written(path: tuple[str, ...]) -> str:
    return ".".join(step if _PLAIN.fullmatch(step) else f"'{step}'" for step in path)


def _names(seen: list[Seen]) -> str:
    names: dict[str, None] = defaultdict(lambda: None)
    for each in seen[:40]:
        names[each.path[0]] = None
    return ", ".join(printable(name, 40) for name in names)
