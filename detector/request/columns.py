"""A batch of requests as columns: what the detector works on.

The prompt's text ends here: a batch is built from requests by :func:`batch`, which hands the texts to
:mod:`siphonwatch.detector.request.fingerprint` and keeps only hashes, counts and a small content vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import repeat
from operator import eq, is_not
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple
from siphash24 import siphash24
from siphonwatch.detector.request.fingerprint import Fingerprints, fingerprint
from siphonwatch.detector.request.request import ABSENT, NOTHING, Parameters, Request, Usage, epoch_ms
from siphonwatch.detector.request.times import in_seconds
from siphonwatch.detector.request.turns import Turns, along, length, turns

Array = npt.NDArray[Any]

_NONE = bytes(8)  # a hash of nothing
HUNG_UP = 499  # the status that gateways log where the client closed the connection before the answer's end
BYTES_A_TOKEN = 4  # of text, about
NO_HASH = 0  # the hash of a field that the record does not carry


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """N requests as columns of length N. Hashes are ``uint64`` and 0 where the field is absent.

    ``time`` is event time in milliseconds since the epoch; ``created`` and the two limits are 0 where
    unknown; token counts are 0 where the gateway logged neither them nor the answer. ``text`` holds what is left of the prompts.
    """

    accounts: Array  # object: account ids
    request: Array  # uint64 hash of account, time and request id: what a second delivery has in common with the first
    time: Array  # int64 ms
    tokens_in: Array  # int64
    tokens_out: Array  # int64
    cached: Array  # int64
    status: Array  # int64
    length_stop: Array  # bool: finish_reason == "length"
    filtered: Array  # bool: finish_reason == "content_filter"
    follow_up: Array  # bool: the conversation holds an earlier answer
    tool_use: Array  # bool: tools offered, or a tool's answer in the conversation
    images: Array  # bool
    temperature: Array  # float64, NaN where default
    max_tokens: Array  # int64, 0 where default
    samples: Array  # int64: ``n``
    logprobs: Array  # bool
    logit_bias: Array  # bool
    seeded: Array  # bool
    forced_json: Array  # bool
    model: Array
    session: Array
    end_user: Array
    system: Array
    address: Array
    block: Array  # the address's /24 or /48
    agent: Array
    payment: Array
    organization: Array
    habit: Array  # the set of sampling parameters
    question: Array  # the last question
    question_before: Array  # the user's turn before it
    answer: Array  # what was answered
    answer_before: Array  # the assistant's turn before the question
    replies: Array  # int64: turns that are said to have been answered before
    carried: Array  # int64: tokens that those took of what was billed for the question
    latency: Array  # int64 ms, 0 where unknown
    created: Array  # int64 seconds
    rpm: Array  # int64
    tpm: Array  # int64
    text: Fingerprints

    def __len__(self) -> int:
        return len(self.time)

    @property
    def answered(self) -> Array:
        """(N,) bool: what was billed was answered, whatever its status; and so was who hung up, as whoever hangs up has read enough."""
        result: Array = (self.status < 400) | (self.status == HUNG_UP) | (self.tokens_out > 0)
        return result

    def take(self, index: Array) -> RequestBatch:
        """The rows at ``index`` (positions or a mask), in that order."""
        return replace(self, **{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def without_text(self) -> RequestBatch:
        """The same requests as a log would tell them that holds no prompts."""
        nothing, none = np.zeros_like(self.question), np.zeros(len(self), dtype=bool)
        return replace(
            self, text=fingerprint([""] * len(self)), follow_up=none, system=nothing,
            question=nothing, question_before=nothing, answer=nothing, answer_before=nothing,
            replies=np.zeros(len(self), np.int64), carried=np.zeros(len(self), np.int64),
        )  # fmt: skip


def _hash_all(values: Sequence[str | None], key: bytes = b"") -> Array:
    """64-bit hashes (SipHash with ``key``, or with a fixed one by pandas), 0 for ``None`` and for ''."""
    import pandas as pd

    if key:
        hashed = (siphash24(text.encode(errors="surrogatepass"), key=key).digest() if text else _NONE for text in values)
        return np.frombuffer(b"".join(hashed), dtype="<u8").astype(np.uint64)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    hashes: Array = pd.util.hash_array(column, categorize=False)
    hashes[~_true(values)] = NO_HASH
    return hashes


def _codes(distinct: Iterable[str | None], values: Sequence[str | None]) -> Array:
    """The number of each value among the ``distinct`` ones."""
    number = {value: code for code, value in enumerate(distinct)}
    return np.fromiter(map(number.__getitem__, values), dtype=np.int64, count=len(values))


def hash_strings(values: Sequence[str | None], key: bytes = b"") -> Array:
    """A 64-bit hash of each string; 0 for ``None`` and for ''. Who does not have the ``key`` (16 bytes) cannot tell what was hashed."""
    distinct = list(dict.fromkeys(values))  # for strings much quicker than ``pandas.factorize``
    if len(distinct) > len(values) // 2:
        return _hash_all(values, key)
    found: Array = _hash_all(distinct, key)[_codes(distinct, values)]
    return found


def _block(address: str) -> str:
    """The network an address belongs to: /24 for IPv4, /48 for IPv6."""
    return ":".join(address.split(":")[:3]) if ":" in address else address.rpartition(".")[0]


def _hash_addresses(values: Sequence[str | None], key: bytes) -> tuple[Array, Array]:
    """Hashes of addresses and of the networks they belong to."""
    distinct = list(dict.fromkeys(values))
    codes = _codes(distinct, values)
    blocks = [_block(address) if address else None for address in distinct]
    return _hash_all(distinct, key)[codes], _hash_all(blocks, key)[codes]


def _seconds(values: Sequence[float | str | None]) -> Array:
    """Seconds since the epoch, 0 where unknown: a fact joined in by the gateway is not worth losing a request for."""
    try:
        column = np.array(values, dtype=np.float64)  # None becomes NaN
    except ValueError:
        column = np.array([_second(value) for value in values], dtype=np.float64)
    seconds: Array = np.clip(in_seconds(np.nan_to_num(column)), 0, 2**32 - 1).astype(np.int64)
    return seconds


def _second(value: float | str | None) -> float:
    try:
        return 0.0 if value is None else epoch_ms(value) / 1000
    except (ValueError, OverflowError):
        return 0.0


_EMPTY = Parameters()
_NO_USAGE = Usage()


_LARGEST = 2**31 - 1  # of any count in a record: what is more is a broken record, not a request


def _given(raws: Sequence[msgspec.Raw]) -> Array:
    """Which of the raw values are there and say more than "nothing"."""
    present = np.fromiter(map(is_not, raws, repeat(ABSENT)), dtype=bool, count=len(raws))
    for at in np.flatnonzero(present).tolist():
        present[at] = bytes(raws[at]) not in NOTHING
    return present


def _columns(records: list[Any], kind: type[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """Field -> its values over ``records``: one pass in C instead of one over the records for each field."""
    names = kind.__struct_fields__
    return dict(zip(names, zip(*map(astuple, records), strict=True), strict=True)) if records else dict.fromkeys(names, ())


def _counts(values: Sequence[int | None], default: int = 0) -> Array:
    """Counts as integers, ``default`` where absent, cut to what a count can be."""
    if values.count(None) == len(values):
        return np.full(len(values), default, dtype=np.int64)
    try:
        column = np.array(values, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        column = np.array([None if value is None else max(min(value, _LARGEST), 0) for value in values], dtype=np.float64)
    return np.clip(np.nan_to_num(column, nan=default), 0, _LARGEST).astype(np.int64)


def _true(values: Sequence[Any]) -> Array:
    """Which values are there and not false."""
    return np.fromiter(map(bool, values), dtype=bool, count=len(values))


def _equal(values: Sequence[str | None], wanted: str) -> Array:
    return np.fromiter(map(eq, values, repeat(wanted)), dtype=bool, count=len(values))


def batch(requests: Sequence[Request], times: Sequence[int], key: bytes = b"") -> RequestBatch:
    """Columns for ``requests``, whose event times in milliseconds are ``times``.

    Addresses, agents, payment fingerprints and organisations are few enough to be tried one by one: with a ``key`` (16 bytes, a
    deployment's secret) their hashes say nothing to whoever does not have it. All batches that are judged together need the same one;
    verdicts rest on which hashes are equal, so on no key in particular.
    """
    of = _columns(list(requests), Request)
    asked = _columns([parameters or _EMPTY for parameters in of["parameters"]], Parameters)
    used = _columns([usage or _NO_USAGE for usage in of["usage"]], Usage)
    said = list(map(turns, requests))
    accounts = np.empty(len(requests), dtype=object)
    accounts[:] = of["account_id"]
    max_tokens = np.maximum(_counts(asked["max_tokens"]), _counts(asked["max_completion_tokens"]))
    samples = _counts(asked["n"], default=1)
    temperature = np.array(asked["temperature"], dtype=np.float64)  # None becomes NaN
    logprobs = _true(asked["logprobs"]) | _true(asked["top_logprobs"])
    seeded = np.fromiter(map(is_not, asked["seed"], repeat(None)), dtype=bool, count=len(requests))
    forced, tools = _given(asked["response_format"]), _given(asked["tools"]) | _given(asked["functions"])
    address, block = _hash_addresses(of["source_ip"], key)
    described = along(said, asked["tools"], asked["response_format"], asked["functions"])
    cached = _counts(used["cached_tokens"])
    tokens_in = np.maximum(_counts(used["prompt_tokens"]), cached)  # some count what was cached apart
    replies = np.fromiter((each.replies for each in said), np.int64, len(said))
    return RequestBatch(
        accounts=accounts,
        request=_identities(of["request_id"], of["account_id"], times),
        time=np.array(times, dtype=np.int64),
        tokens_in=tokens_in,
        tokens_out=_taken(_counts(used["completion_tokens"]), _counts(of["status"]), of["response"]),
        cached=cached,
        status=_counts(of["status"]),
        length_stop=_equal(of["finish_reason"], "length"),
        filtered=_equal(of["finish_reason"], "content_filter"),
        follow_up=_true([each.follow_up for each in said]),
        tool_use=tools | _true([each.tool for each in said]),
        images=_true([each.image for each in said]),
        temperature=temperature,
        max_tokens=max_tokens,
        samples=samples,
        logprobs=logprobs,
        logit_bias=_given(asked["logit_bias"]),
        seeded=seeded,
        forced_json=forced,
        model=hash_strings(of["model"]),
        session=hash_strings(of["session_id"]),
        end_user=hash_strings(of["end_user_id"]),
        system=hash_strings([each.system for each in said]),
        address=address,
        block=block,
        agent=hash_strings(of["user_agent"], key),
        payment=hash_strings(of["payment_fingerprint"], key),
        organization=hash_strings(of["organization_id"], key),
        habit=_habits(temperature, max_tokens, samples, logprobs, seeded, forced, tools),
        question=hash_strings([each.question for each in said]),
        question_before=hash_strings([each.earlier for each in said]),
        answer=hash_strings(of["response"]),
        answer_before=hash_strings([each.answer for each in said]),
        replies=replies,
        carried=_carried(tokens_in, replies, said, described),
        latency=_counts(of["latency_ms"]),
        created=_seconds(of["account_created_at"]),
        rpm=_counts(of["rate_limit_rpm"]),
        tpm=_counts(of["rate_limit_tpm"]),
        text=fingerprint(
            [each.question for each in said],
            [each.beside for each in said],
            described,
            [each.before for each in said],
            [each.answers for each in said],
        ),
    )


def _carried(told: Array, replies: Array, said: Sequence[Turns], described: Sequence[str]) -> Array:
    """(N,) tokens that the ``replies`` (N,) took: what was billed beyond all other text, or what is shown of them where no bill is told.

    A real answer is billed again with each turn that goes on from it, however much of it is logged; an invented one is as short as it is.
    """
    carried = np.zeros(len(said), np.int64)
    for row in np.flatnonzero(replies).tolist():
        each = said[row]
        if told[row]:
            other = length(each.question, each.beside, each.before, described[row]) - each.called
            carried[row] = max(told[row] - other // BYTES_A_TOKEN, 0)
        else:
            carried[row] = (length(each.answers) + each.called) // BYTES_A_TOKEN
    return carried


def _taken(told: Array, status: Array, answers: Sequence[str | None]) -> Array:
    """(N,) tokens of the answers: ``told`` (N,) as they were billed, or as many as the logged text has; of errors none."""
    for row in np.flatnonzero((told == 0) & ((status < 400) | (status == HUNG_UP))).tolist():
        if text := answers[row]:
            told[row] = -(-length(text) // BYTES_A_TOKEN)
    return told


def _identities(ids: Sequence[str], accounts: Sequence[str], times: Sequence[int]) -> Array:
    """A hash of who asked, when, and under which id: the id alone is the client's, or an upstream's, to choose."""
    mixed = hash_strings(ids)
    for column in (hash_strings(accounts), np.array(times, dtype=np.int64).astype(np.uint64)):
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _habits(temperature: Array, max_tokens: Array, samples: Array, *flags: Array) -> Array:
    """A hash of each request's whole parameter set: clients seldom vary it, so it follows them about."""
    packed = np.zeros(len(temperature), dtype=np.uint64)
    degrees = np.nan_to_num(np.round(temperature * 100), nan=999.0, posinf=998.0, neginf=998.0)
    columns = [np.clip(degrees, 0, 999), max_tokens, np.minimum(samples, 255), *flags]
    for column in columns:
        packed = (packed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        packed ^= packed >> np.uint64(29)
    return packed | np.uint64(1)
