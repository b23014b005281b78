"""From standing to decision, and the algorithm behind a throttle."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from siphonwatch.detector.request.names import model_mark
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.formats.privacy import pseudonym
from siphonwatch.streams.sidecar.buckets import MODELS, Buckets
from siphonwatch.streams.sidecar.decisions import ACTIONS, WHYS, Decider, Policy, adaptive
from siphonwatch.streams.sidecar.gcra import conform
from siphonwatch.streams.sidecar.knowledge import Knowledge
from siphonwatch.streams.stores.base import Charge
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.whole import write

from tests.gateways.conftest import verdict

MANY = [f"model-{number}" for number in range(100)]  # more than one account has buckets for


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def decider(clock: Clock, **policy: object) -> Decider:
    store = MemoryStore()
    key = str(policy.get("account_key", ""))
    name = (lambda account: pseudonym(account, key)) if key else (lambda account: account)
    levels = {"odd": ("watch", 0.2), "slow": ("throttle", 1.0), "worse": ("throttle", 3.0), "bad": ("block", 4.0)}
    verdicts = {name(account): verdict(name(account), level, evidence) for account, (level, evidence) in levels.items()}
    context = msgspec.msgpack.encode({"models": {model_mark(model): 1 for model in ("large", "other", *MANY)}})
    write(store, context, [], verdicts, height=1.0)
    knowledge = Knowledge(store, 1.0, clock)
    knowledge.attempt()
    assert not knowledge.wrong
    return Decider(knowledge, Policy(**policy), clock)  # type: ignore[arg-type]


def test_levels_become_actions() -> None:
    made = decider(Clock())
    assert [made.decide(account).action for account in ("good", "odd", "slow", "bad", "")] == ["allow", "allow", "allow", "block", "allow"]
    assert [made.decide(account).why for account in ("good", "odd", "", "bad")] == ["clear", "watch", "no_account", "blocked"]
    assert made.decide("slow").status == 429
    assert made.decide("bad").status == 403


def test_a_throttled_account_keeps_its_pace_for_each_model_and_less_with_more_evidence() -> None:
    clock = Clock()
    made = decider(clock, throttle_rpm=6.0)
    allowed = dict.fromkeys(("slow", "worse"), 0)
    for _ in range(600):
        clock.now += 0.5
        for account in allowed:
            allowed[account] += made.decide(account, "large").action == "allow"
        made.knowledge._heard = clock.now
    assert allowed["slow"] == pytest.approx(30, abs=1)
    assert allowed["worse"] == pytest.approx(15, abs=1)
    assert made.decide("slow", "large").action == "throttle"
    assert made.decide("slow", "other").action == "allow"


def test_what_a_throttled_client_is_told_is_true() -> None:
    clock = Clock()
    made = decider(clock, throttle_rpm=6.0)
    assert made.decide("slow").action == "allow"
    refused = made.decide("slow")
    headers = dict(refused.headers)
    assert headers.pop("x-siphonwatch-reference") == refused.reference != ""
    assert headers == {"retry-after": "10", "ratelimit-policy": '"siphonwatch";q=6;w=60', "ratelimit": '"siphonwatch";r=0;t=10'}
    clock.now += int(headers["retry-after"])
    assert made.decide("slow").action == "allow"
    assert decider(clock, throttle_rpm=0.0).decide("slow").retry_after == 60


def test_stale_knowledge_opens_or_shuts_as_configured() -> None:
    clock = Clock()
    opened, shut = decider(clock), decider(clock, fail="closed")
    clock.now += 31
    assert (opened.decide("bad").action, opened.decide("bad").why) == ("allow", "stale")
    assert (shut.decide("good").action, shut.decide("good").status) == ("unavailable", 503)


def test_a_dry_run_decides_and_does_nothing() -> None:
    made = decider(Clock(), dry_run=True)
    decision = made.decide("bad")
    assert decision.action == "block"
    assert (made.enforced(decision).action, made.enforced(decision).why, made.enforced(decision).status) == ("allow", "blocked", 200)


def test_pseudonyms_are_looked_up_by_the_same_key() -> None:
    assert decider(Clock(), account_key="secret").decide("bad").action == "block"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("siphonwatch.streams.sidecar.buckets.MOST", 100)
    made = Buckets(Clock())
    for number in range(1000):
        made.take(f"account-{number}", "large", 0.1)
    assert len(made) == 100
    assert len(made._charged) == 100
    assert sum(made._models.values()) == 100


def test_invented_models_share_one_bucket_and_an_account_has_few() -> None:
    clock = Clock()
    made = decider(clock)
    allowed = [made.decide("slow", f"invented-{number}").action for number in range(30_000)].count("allow")
    assert allowed == 1, "a new name is no new allowance"
    assert len(made.buckets) == 1
    for model in MANY:
        made.decide("slow", model)
    assert len(made.buckets) == MODELS


def test_a_bucket_that_is_full_again_is_let_go() -> None:
    clock, store = Clock(), MemoryStore()
    made = Buckets(clock)
    for number in range(100):
        made.take(f"account-{number}", "large", 0.1)
    made.exchange(store)
    clock.now += 11.0
    for _ in range(120):
        made.take("other", "large", 0.001)
    assert len(made) == 1


def test_sidecars_of_a_fleet_share_one_limit() -> None:
    store, clock, allowed = MemoryStore(), Clock(), 0
    fleet = [Buckets(clock) for _ in range(4)]
    for _ in range(300):
        for each in fleet:
            allowed += each.take("slow", "large", 0.1).allowed
        for each in fleet:
            each.exchange(store)
        clock.now += 1.0
        store._buckets = {key: due - 1.0 for key, due in store._buckets.items()}  # the store's own clock goes on as well
    assert 28 <= allowed <= 45, "300 seconds at one in ten, and what a second of four sidecars lets through"
    alone = sum(Buckets(clock).take("slow", "large", 0.1).allowed for _ in range(4))
    assert alone == 4, "without the exchange each would keep a limit of its own"


def test_charges_wait_while_the_store_is_away() -> None:
    class Away(MemoryStore):
        def spend(self, charges: list[Charge]) -> list[float]:
            raise Unavailable("away")

    clock, store = Clock(), MemoryStore()
    mine = Buckets(clock)
    assert mine.take("slow", "", 0.1).allowed
    with pytest.raises(Unavailable):
        mine.exchange(Away())
    mine.exchange(store)
    assert store.spend([Charge("slow", "", 10.0, 0)])[0] == pytest.approx(10.0, abs=0.5)


@given(st.lists(st.floats(0, 5), max_size=60), st.floats(0.1, 20), st.integers(1, 8))
def test_gcra_never_lets_more_through_than_rate_and_burst(gaps: list[float], rate: float, burst: int) -> None:
    now, tat, taken = 100.0, 0.0, []
    for gap in gaps:
        now += gap
        found = conform(tat, now, rate, burst)
        if found.allowed:
            taken.append(now)
            assert found.tat > tat
        else:
            assert found.tat == tat
            assert conform(tat, now + found.retry_after + 1e-6, rate, burst).allowed
        tat = found.tat
    for at, first in enumerate(taken):
        for last in range(at, len(taken)):
            assert last - at + 1 <= burst + rate * (taken[last] - first) + 1e-6


def test_gcra_refuses_nonsense_and_counts_what_is_left() -> None:
    with pytest.raises(ValueError, match="positive"):
        conform(0, 1, 0)
    tat, left = 0.0, []
    for _ in range(4):
        found = conform(tat, 50.0, 1.0, 4)
        tat = found.tat
        left.append(found.remaining)
    assert left == [3, 2, 1, 0]


def test_a_limit_adapts_between_the_flag_and_the_block() -> None:
    assert [adaptive(6.0, over) for over in (-1.0, 0.0, 1.0, 2.0, 9.0)] == [6.0, 6.0, 4.5, 3.0, 3.0]


def test_words_are_from_fixed_sets_so_that_labels_are_bounded() -> None:
    clock = Clock()
    for made in (decider(clock), decider(clock, fail="closed"), decider(clock, throttle_rpm=0.0)):
        for stale in (0, 100):
            clock.now += stale
            for account in ("good", "odd", "slow", "worse", "bad", "", "x" * 600):
                decision = made.decide(account)
                assert decision.action in ACTIONS
                assert decision.why in WHYS


def test_a_level_may_be_degraded_and_a_refusal_carries_a_number_that_finds_it() -> None:
    from siphonwatch.streams.common.reference import find, reference

    store = MemoryStore()
    levels = {"odd": verdict("odd", "watch", 0.2), "slow": verdict("slow", "throttle", 1.0), "bad": verdict("bad", "block", 4.0)}
    write(store, b"", [], levels, height=1.0)
    for setting, wanted in (("none", set()), ("throttle", {"slow"}), ("watch", {"odd", "slow"})):
        knowledge = Knowledge(store, 1.0)
        knowledge.refresh()
        decider = Decider(knowledge, Policy(degrade=setting, degrade_tokens=500, throttle_rpm=600.0))  # type: ignore[arg-type]
        made = {account: decider.decide(account) for account in ("good", "odd", "slow", "bad")}
        assert {account for account, decision in made.items() if decision.degrade_tokens} == wanted
        for decision in made.values():
            fields = dict(decision.headers)
            assert ("x-siphonwatch-degrade" in fields) == bool(decision.degrade_tokens)
            assert ("max_tokens=500" in fields.get("x-siphonwatch-degrade", "")) == bool(decision.degrade_tokens)
        number = dict(made["bad"].headers)["x-siphonwatch-reference"]
        assert find(number.lower(), ["good", "slow", "bad"], "") == ["bad"]
        assert number != reference("bad", "another deployment's key")
        assert "x-siphonwatch-reference" not in dict(made["good"].headers)
        dry = Decider(knowledge, Policy(degrade="watch", dry_run=True))
        assert not dry.enforced(dry.decide("slow")).degrade_tokens, "a dry run only counts"
