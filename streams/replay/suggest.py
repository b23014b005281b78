"""A mapping file for a JSON log of a kind that nobody foresaw, proposed from a sample of it: names and values vote for each field.

The proposal is tried on the sample before it is shown, and every line says in how many records its path holds something, and how sure the
guess is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.request.times import EARLIEST, LATEST
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.printable import printable
from siphonwatch.streams.formats import envelopes
from siphonwatch.streams.formats.base import Decoded, RecordDecoder
from siphonwatch.streams.formats.lenient import Reading, loads
from siphonwatch.streams.formats.mapping import at, checked, reader
from siphonwatch.streams.sources import files

SAMPLE = 500  # records looked at
DEEPEST, WIDEST = 6, 400  # steps of a path, and paths of a record
_PLAIN = re.compile(r"[A-Za-z0-9_@$:/-]+")

Votes = Callable[["Seen"], float]


@dataclass(slots=True)
class Seen:
    """What stood at one path."""

    path: tuple[str, ...]
    values: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path in small letters without separators."""
        return re.sub(r"[^a-z0-9]", "", ".".join(self.path).lower())

    @property
    def last(self) -> str:
        """Its last step that is a name, likewise."""
        steps = [step for step in self.path if not step.lstrip("-").isdecimal()]
        return re.sub(r"[^a-z0-9]", "", steps[-1].lower()) if steps else ""

    def share(self, holds: Callable[[Any], bool]) -> float:
        """Share of its values of which something holds."""
        return sum(map(holds, self.values)) / max(len(self.values), 1)


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
    constants = {} if {"model", "body", "response"} & fields.keys() else {"model": "unknown"}
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
            if any(_time(value) for each in lists for one in each for value in one.values()) and not {"role", "content"} <= keys:
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
        elif isinstance(value, list) and value and isinstance(value[0], dict) and not _is_turns(value):
            walk(value[0], (*path, "0"))

    for one in ones:
        walk(one, ())
    return [each for each in found.values() if each.values]


def _time(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, str) and len(value) < 10):
        return False
    try:
        return EARLIEST <= epoch_ms(value) <= LATEST
    except (ValueError, OverflowError, TypeError):
        return False


def _text(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 256


def _count(value: Any) -> bool:
    return (
        not isinstance(value, bool)
        and (isinstance(value, int | float) or (isinstance(value, str) and value.replace(".", "", 1).isdecimal()))
        and 0 <= float(value) < 1e8
    )


def _is_turns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and ("role" in value[0] or "parts" in value[0])


def _is_body(value: Any) -> bool:
    return (isinstance(value, dict) and any(_is_turns(value.get(name)) for name in ("messages", "input", "contents"))) or (
        isinstance(value, dict) and isinstance(value.get("prompt"), str) and bool({"model", "temperature", "max_tokens"} & value.keys())
    )


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) and bool(
        {"choices", "candidates", "generation", "completion", "stop_reason", "usageMetadata"} & value.keys()
        or {"usage", "model"} <= value.keys()
    )


def _address(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]{3,}:[0-9a-fA-F:.]*)(:\d+)?", value))


def _status(value: Any) -> bool:
    return str(value).isdecimal() and 100 <= int(str(value)) < 600


def _string(value: Any) -> bool:
    return isinstance(value, str)


def _prose(value: Any) -> bool:
    return isinstance(value, str) and value[:1] not in "{["


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _asked(seen: Seen) -> float:
    """Turns that were asked, not those that were answered."""
    return 0.0 if re.search("output|response|answer", seen.name) else 0.95 - 0.05 * len(seen.path)


def _named(words: str) -> Callable[[Seen], float]:
    """How well a path's name fits one of ``words``, the best first: whole, as its end, or somewhere."""
    names = words.split()

    def vote(seen: Seen) -> float:
        for place, name in enumerate(names):
            best = 1.0 - place * 0.02
            if seen.last == name:
                return best - 0.03 * len(seen.path)
            if seen.name.endswith(name):
                return best - 0.1 - 0.03 * len(seen.path)
        return 0.6 - 0.05 * len(seen.path) if any(name in seen.last for name in names) else 0.0

    return vote


def _both(vote: Votes, holds: Callable[[Any], bool], without_name: float = 0.0) -> Votes:
    """A name's vote, where the values fit; values that say enough by themselves count a little without one."""
    return lambda seen: max(vote(seen), without_name) if seen.share(holds) > 0.9 else 0.0


_Rule = tuple[str, Votes, int]
RULES: tuple[_Rule, ...] = (  # field, votes, how many candidates are of use
    (
        "timestamp",
        _both(_named("timestamp time starttime startedat createdat requesttime created ts date at eventtime loggingtime"), _time, 0.35),
        1,
    ),
    (
        "account_id",
        _both(
            _named(
                "accountid account customerid customer tenantid tenant apikeyid apikeyhash keyid apikey userid user requester "
                "caller client clientid consumer principal subscription organizationid teamid username subject"
            ),
            _text,
        ),
        3,
    ),
    ("request_id", _both(_named("requestid id traceid correlationid rid uuid callid"), _text), 1),
    ("model", _both(_named("model modelname modelid deployment engine modelgroup"), _text), 2),
    ("source_ip", _both(_named("sourceip clientip remoteaddr ip ipaddress address remoteip peer"), _address, 0.5), 1),
    ("user_agent", _both(_named("useragent agent"), _text), 1),
    ("status", _both(_named("status statuscode responsestatus code httpstatus"), _status), 1),
    (
        "prompt_tokens",
        _both(
            _named(
                "prompttokens inputtokens tokensin promptokens tokensprompt requnits prompttokencount inputtokencount "
                "tokensinput usageinput detailsinput"
            ),
            _count,
        ),
        1,
    ),
    (
        "completion_tokens",
        _both(
            _named(
                "completiontokens outputtokens tokensout tokenscompletion resunits candidatestokencount outputtokencount "
                "generatedtokens tokensoutput usageoutput detailsoutput"
            ),
            _count,
        ),
        1,
    ),
    ("cached_tokens", _both(_named("cachedtokens cachereadinputtokens cachedcontenttokencount"), _count), 1),
    ("latency_ms", _both(_named("latencyms durationms latency responsetime elapsedms delayms tookms duration elapsed took"), _count), 1),
    ("session_id", _both(_named("sessionid conversationid session threadid"), _text), 1),
    ("finish_reason", _both(_named("finishreason stopreason"), _text), 1),
    ("body", _both(lambda seen: 1.0 - 0.05 * len(seen.path), _is_body), 1),
    ("messages", _both(_asked, _is_turns), 1),
    ("prompt", _both(_named("prompt question query inputtext userinput input message"), _prose), 1),
    ("response", _both(lambda seen: 0.95 - 0.05 * len(seen.path), _is_answer), 1),
    ("response", _both(_named("response answer completion outputtext reply output"), _string), 1),
    ("parameters", _both(_named("parameters modelparameters params settings samplingparams options"), _object), 1),
    ("call", _both(_named("path uri endpoint operation calltype apimethod route"), _string), 1),
)
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
