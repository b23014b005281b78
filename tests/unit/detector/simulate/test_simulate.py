"""The simulator is deterministic and labelled, writes the project's own format, and reaches what it says it draws."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import HARVESTS, INNOCENTS, Traffic, World, crowds, demand, groups, hand, simulate, varied
from siphonwatch.detector.simulate.disguise import DISGUISES
from siphonwatch.detector.simulate.kinds import HARVESTS as TABLE
from siphonwatch.detector.simulate.pacing import DAY, PACES, Pace
from siphonwatch.detector.simulate.text import Library, Writer
from siphonwatch.detector.simulate.works import WORKS
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder

WORLD = World(accounts=300, days=1.0, prevalence=0.2, seed=4)


@cache
def worlds() -> list[Traffic]:
    """Many small worlds, each with a hand of its own."""
    return [simulate(World(accounts=220, days=1.0, prevalence=0.25, seed=seed)) for seed in range(40)]


def by_account(traffic: Traffic) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = defaultdict(list)
    for request in traffic.requests:
        found[request.account_id].append(request)
    return found


# ------------------------------------------------------------------------------------------------ the whole


def test_equal_seeds_give_equal_traffic_and_others_do_not() -> None:
    first, again, other = simulate(WORLD), simulate(WORLD), simulate(World(accounts=300, days=1.0, prevalence=0.2, seed=5))
    assert [encode(each) for each in first.requests] == [encode(each) for each in again.requests]
    assert first.labels == again.labels
    assert first.labels != other.labels


def test_prevalence_and_number_of_accounts_are_what_was_asked_for() -> None:
    for world in [World(accounts=500, days=1.0, prevalence=0.1, seed=seed) for seed in (1, 2, 3)]:
        labels = simulate(world).labels
        harvesting = sum(label.label == "harvest" for label in labels.values())
        assert len(labels) == world.accounts
        assert 0.08 <= harvesting / world.accounts <= 0.12


def test_time_is_ordered_and_within_the_days() -> None:
    for world, traffic in [(WORLD, simulate(WORLD))]:
        times = [float(request.timestamp) for request in traffic.requests]
        assert times == sorted(times)
        assert world.start <= times[0] <= times[-1] <= world.start + world.days * DAY


def test_nobody_asks_before_signing_up_and_every_request_has_a_labelled_account() -> None:
    for traffic in worlds()[:6]:
        assert {request.account_id for request in traffic.requests} == set(traffic.labels)
        for mine in by_account(traffic).values():
            known = {request.account_created_at for request in mine}
            assert len(known) == 1, "an account has one sign-up"
            created = known.pop()
            assert created is None or float(created) < float(mine[0].timestamp)


@pytest.mark.parametrize("variety", [0.0, 1.0])
def test_what_it_writes_is_what_is_read(variety: float) -> None:
    requests = simulate(World(accounts=150, days=1.0, prevalence=0.2, seed=8, variety=variety)).requests
    found = decoder("native").decode([encode(request) for request in requests])
    assert not found.dead
    assert len(found.requests) == len(requests)
    read, written = batch(found.requests, found.times), batch(requests, found.times)
    for name in ("accounts", "tokens_out", "max_tokens", "logit_bias", "habit", "system", "end_user", "created", "rpm"):
        assert np.array_equal(getattr(read, name), getattr(written, name)), name
    assert np.array_equal(read.text.prompt, written.text.prompt)


# ------------------------------------------------------------------------------------------------ what is reached


def test_every_kind_work_pace_and_disguise_is_reached() -> None:
    labels = [label for traffic in worlds() for label in traffic.labels.values()]
    kinds = Counter(label.kind for label in labels)
    assert set(HARVESTS) <= set(kinds)
    assert set(INNOCENTS) <= set(kinds)
    traits = Counter(trait for label in labels for trait in label.traits)
    assert {f"work:{name}" for name in WORKS} <= set(traits)
    assert {f"pace:{name}" for name in PACES} <= set(traits)
    assert {f"law:{name}" for name in ("list", "fresh", "zipf", "fashion", "rounds", "viral")} <= set(traits)
    assert {f"shape:{name}" for name in ("single", "talk", "script", "agent")} <= set(traits)
    assert {f"division:{name}" for name in groups.DIVISIONS} <= set(traits)
    crowds_met = {trait.removeprefix("crowd:").partition("-")[0] for trait in traits if trait.startswith("crowd:")}
    assert crowds_met == set(crowds.CROWDS)
    for label in ("benign", "harvest"):
        worn = {trait for each in labels if each.label == label for trait in each.traits if trait.startswith("habit:")}
        assert worn == {f"habit:{name}" for name in DISGUISES}, label


def test_logs_differ_in_what_they_hold() -> None:
    requests = [request for traffic in worlds() for request in traffic.requests]
    names = ("messages", "response", "account_created_at", "source_ip", "user_agent", "payment_fingerprint", "latency_ms", "end_user_id")
    for name in names:
        share = sum(getattr(request, name) is not None for request in requests) / len(requests)
        assert 0.02 < share < 0.995, name
    assert {429, 200} < {request.status for request in requests}
    assert {"stop", "length", "content_filter"} <= {request.finish_reason for request in requests}


def test_a_disguise_tells_nothing_about_the_label_over_many_worlds() -> None:
    """The difference of the two shares changes its sign from world to world, and its mean is within three standard errors of none."""
    far = []
    for name in DISGUISES:
        differences = []
        for traffic in worlds():
            worn: dict[str, list[bool]] = {"benign": [], "harvest": []}
            seen = set()
            for label in traffic.labels.values():
                group = label.campaign or next((trait for trait in label.traits if trait.startswith("crowd:")), None)
                if group and (group, label.traits) in seen:
                    continue  # the members of a campaign are one draw
                seen.add((group, label.traits))
                worn[label.label].append(f"habit:{name}" in label.traits)
            differences.append(np.mean(worn["harvest"]) - np.mean(worn["benign"]))
        error = np.std(differences) / np.sqrt(len(differences))
        if abs(np.mean(differences)) > 3 * error:
            far.append((name, float(np.mean(differences)), float(error)))
        assert min(differences) < 0 < max(differences), name
    assert len(far) <= 1, far


# ------------------------------------------------------------------------------------------------ laws and paces


def open_work(work: str, seed: int = 3) -> tuple[random.Random, object, Library]:
    rng = random.Random(seed)
    library = Library(rng, 40, 0.2)
    return rng, WORKS[work](Writer(rng), library.topics[0]), library


def test_a_list_of_twenty_thousand_holds_nothing_twice() -> None:
    rng, make, library = open_work("tasks")
    listed = demand.TaskList(rng, make, library.topics, 20_000)  # type: ignore[arg-type]
    texts = []
    while item := listed(0.0):
        texts.append(item.text)
    assert len(texts) == len(set(texts)) == 20_000


@pytest.mark.parametrize(("order", "key"), [("alphabet", lambda text: text), ("length", len)])
def test_a_list_can_be_sorted(order: str, key: object) -> None:
    rng, make, library = open_work("chat")
    texts = [item.text for item in demand.TaskList(rng, make, library.topics, 300, order).items]  # type: ignore[arg-type]
    assert texts == sorted(texts, key=key)  # type: ignore[call-overload]


def test_a_list_that_is_asked_twice_asks_each_twice() -> None:
    rng, make, library = open_work("tasks")
    counts = Counter(item.text for item in demand.TaskList(rng, make, library.topics, 400, times=2).items)  # type: ignore[arg-type]
    assert set(counts.values()) == {2}


def test_popular_demand_repeats_by_zipfs_law_and_fashions_move_on() -> None:
    rng, make, library = open_work("tasks")
    law = demand.zipf(rng, make, library.topics, 200, 1.0, new=0.1)  # type: ignore[arg-type]
    counts = Counter(law(0.0).text for _ in range(4000))  # type: ignore[union-attr]
    ranked = [count for _, count in counts.most_common()]
    assert len(counts) < 800
    assert ranked[0] > 4 * ranked[9] > 0, "the first is wanted ten times as often as the tenth, about"
    moving = demand.zipf(rng, make, library.topics, 200, 1.0, new=0.0, fashion=50.0)  # type: ignore[arg-type]
    first, later = ({moving(day).text for _ in range(60)} for day in (0.0, 3.0))  # type: ignore[union-attr]
    assert len(first & later) < len(first) / 2


def test_rounds_come_back_and_change_a_little() -> None:
    rng, make, library = open_work("extraction")
    law = demand.rounds(rng, make, library.topics, 50, changed=0.1)  # type: ignore[arg-type]
    first, second = ([law(0.0).text for _ in range(50)] for _ in range(2))  # type: ignore[union-attr]
    assert 30 < len(set(first) & set(second)) < 50


@pytest.mark.parametrize("kind", sorted(set(PACES) - {"closed", "burst"}))
def test_a_pace_keeps_to_its_hours(kind: str) -> None:
    rng = random.Random(5)
    starts = Pace(kind, 1.79e9, 1.79e9 + 4 * DAY).starts(rng, 400)
    assert len(starts) == 400
    assert starts == sorted(starts)
    hours = np.bincount([int(at / 3600) % 24 for at in starts], minlength=24)
    if kind == "office":
        assert hours[9:18].sum() > 380
    elif kind == "sessions":
        assert hours[:6].sum() < 0.2 * hours.sum()
    elif kind == "nightly":
        assert (hours > 0).sum() <= 3


def test_a_closed_loop_never_has_more_in_flight_than_it_has_lanes() -> None:
    drawn = hand.draw(random.Random(6), 1.79e9, 1.0, 0.0)
    from siphonwatch.detector.simulate.behaviour import behave, pace
    from siphonwatch.detector.simulate.identity import identity
    from siphonwatch.detector.simulate.members import alone, member
    from siphonwatch.detector.simulate.play import Player

    rng = random.Random(7)
    behaviour = behave(drawn, rng, "harvest", "naive", TABLE["naive"], count=300)
    behaviour.pace, behaviour.shape = pace(drawn, rng, "closed"), "single"
    behaviour.pace.lanes, behaviour.pace.start, behaviour.pace.end = 3, drawn.start, drawn.end
    one = member(drawn, rng, identity(rng, drawn.start, False, 0.5))
    Player(drawn, rng, behaviour, alone(one)).run()
    assert len(one.requests) > 100
    ends = [(float(request.timestamp), float(request.timestamp) + float(request.latency_ms or 0) / 1000) for request in one.requests]
    most = max(sum(begin <= at < end for begin, end in ends) for at, _ in ends)
    assert most == 3


# ------------------------------------------------------------------------------------------------ groups


def test_a_hydra_divides_its_list_without_overlap_and_evenly_where_it_is_balanced() -> None:
    found = 0
    for seed in range(12):
        traffic = simulate(World(accounts=60, days=1.0, prevalence=0.5, seed=seed, harvests=("naive", "hydra"), variety=0.0))
        mine = by_account(traffic)
        members: dict[str, list[str]] = defaultdict(list)
        for account, label in traffic.labels.items():
            if label.kind == "hydra" and "times:1" in label.traits and not any(trait.startswith("cover") for trait in label.traits):
                members[label.campaign or ""].append(account)
        for accounts in members.values():
            traits = traffic.labels[accounts[0]].traits
            if "shape:single" not in traits or len(accounts) < 3:
                continue
            asked = [{str((request.messages or [])[-1].content) for request in mine[account]} for account in accounts]
            shared = sum(map(len, asked)) - len(set().union(*asked))
            assert shared <= 0.05 * sum(map(len, asked)), "edited repeats aside, nothing is asked by two"
            if "division:balanced" in traits:
                sizes = [len(mine[account]) for account in accounts]
                assert max(sizes) - min(sizes) <= max(3, 0.2 * max(sizes))
            found += 1
    assert found >= 5


def test_an_office_shares_its_address_and_a_class_its_homework() -> None:
    drawn = hand.draw(random.Random(3), 1.79e9, 2.0, 0.0)
    office = crowds.crowd(drawn, random.Random(1), "office", 12, [])
    assert len({address for one, _, _ in office for address in one.identity.addresses}) <= 2
    assert len({one.identity.payment for one, _, _ in office}) == 1
    pupils = crowds.crowd(drawn, random.Random(2), "class", 12, [])
    asked = [{str((request.messages or [])[-1].content) for request in one.requests} for one, _, _ in pupils]
    counts = Counter(text for texts in asked for text in texts)
    assert max(counts.values()) >= 5


def test_follow_ups_continue_what_was_really_sent_and_answered_where_nobody_pretends() -> None:
    traffic = simulate(World(accounts=250, days=1.0, prevalence=0.1, seed=3, variety=0.0))
    checked = 0
    for mine in by_account(traffic).values():
        sent = {str((request.messages or [])[-1].content) for request in mine}
        for request in mine:
            turns = [message for message in request.messages or () if message.role in ("user", "tool")]
            for earlier in turns[:-1]:
                checked += 1
                assert earlier.content in sent
    assert checked > 200


@pytest.mark.parametrize("kind", HARVESTS)
def test_each_harvest_can_be_simulated_alone(kind: str) -> None:
    labels = simulate(World(accounts=120, days=0.5, prevalence=0.1, seed=2, harvests=(kind,))).labels
    assert {label.kind for label in labels.values() if label.label == "harvest"} == {kind}


def test_varied_worlds_differ_in_days_size_and_prevalence() -> None:
    made = varied(range(30))
    assert len({world.days for world in made}) >= 4
    assert len({world.prevalence for world in made}) >= 4
    assert made == varied(range(30))
