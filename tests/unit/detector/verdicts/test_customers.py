"""Accounts of one organisation are one customer: linked as one, judged as one, and told of as what they are."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.customers import Customers
from siphonwatch.streams.common import prior

from tests.quality.figures import run
from tests.unit.detector.scoring.test_groups import WORDS, divided, prompt, request, view

HYDRA = World(accounts=400, days=1.0, prevalence=0.05, seed=8, harvests=("hydra",), variety=0.0)


def of_one(requests: list[Request], names: set[str], organization: str = "org_one") -> list[Request]:
    return [
        msgspec.structs.replace(each, organization_id=organization if each.account_id in names else f"org_{each.account_id}")
        for each in requests
    ]


def people(count: int) -> list[Request]:
    """Strangers, each with a few words of its own."""
    rng = random.Random(9)
    return [
        request(100 + who, number, 1_790_000_000 + 60 * number + who, f"{prompt(rng, WORDS[who % 37 :][:4])} {rng.random()}")
        for who in range(count)
        for number in range(6)
    ]


def test_accounts_of_an_organisation_are_one_customer_whose_state_is_that_of_all_their_requests() -> None:
    names = {"a001", "a004", "a007"}
    requests = sorted(of_one([*divided(), *people(40)], names), key=lambda one: float(one.timestamp))
    accounts = view(requests)
    customers = Customers.among(accounts)
    assert customers.of[:8].tolist() == [0, 1, 2, 3, 1, 4, 5, 1], "customers stand in the order of their first accounts"
    assert customers.sizes.tolist() == [1, 3] + [1] * (len(accounts) - 4)
    together = [msgspec.structs.replace(each, account_id="a001") if each.account_id in names else each for each in requests]
    assert customers.view.state.tobytes() == view(together).state.tobytes()
    assert [each.tolist() for each in customers.accounts([np.array([0, 1]), np.array([4])])] == [[0, 1, 4, 7], [5]]


@pytest.mark.parametrize("known", [False, True])
def test_where_no_organisation_has_several_accounts_customers_are_the_accounts(known: bool) -> None:
    accounts = view(of_one(divided(), set()) if known else divided())
    customers = Customers.among(accounts)
    assert customers.view is accounts
    assert customers.of.tolist() == list(range(len(accounts)))


def test_an_organisation_of_more_than_a_tenth_of_all_accounts_is_the_owner_of_the_log() -> None:
    def customers(count: int) -> int:
        requests = [*divided(), *people(108)]
        names = sorted({each.account_id for each in requests})
        return len(Customers.among(view(of_one(requests, set(names[:count])))).view)

    assert customers(12) == 120 - 11
    assert customers(13) == 120


def test_who_moves_to_another_organisation_is_of_the_newer_one() -> None:
    first = request(1, 0, 1_790_000_000, "one")
    requests = [
        msgspec.structs.replace(first, organization_id="old"),
        msgspec.structs.replace(first, request_id="2", timestamp=1_790_000_600),
    ]
    moved = [*requests, msgspec.structs.replace(first, request_id="3", timestamp=1_790_000_300, organization_id="new")]
    assert view(requests).organization == view([requests[0]]).organization, "a record that names none changes nothing"
    assert view(moved).organization == view([moved[2]]).organization != view(requests).organization


def test_a_large_customer_is_not_tied_to_a_stranger_by_what_one_of_its_accounts_shares_by_chance() -> None:
    rows = state.empty(200)
    slots = rows["slots"][:, 0]
    slots["counters"][:, state.COUNTER["requests"]] = slots["counters"][:, state.COUNTER["answered"]] = 6
    slots["sample_opening"][:2, 0] = 7
    rows["slots"][:, 0] = slots
    sizes = np.ones(200, np.int64)
    assert linking.links(View(rows), sizes).parts["opening"].tolist() == [2000]
    sizes[0] = 30
    assert linking.links(View(rows), sizes).parts["opening"].tolist() == [round(1000 * (np.log(100) - np.log(30)))]


def test_a_hydra_within_one_organisation_is_judged_as_the_one_heavy_account_that_it_is() -> None:
    made = simulate(HYDRA)
    hydra = {name for name, label in made.labels.items() if label.campaign}
    found = []
    joined = [msgspec.structs.replace(each, organization_id="org_one") if each.account_id in hydra else each for each in made.requests]
    for requests in (made.requests, joined):
        engine = run(requests, prior.load())
        found += [one for one in engine.context.campaigns if one.strength >= 0.0 and hydra & set(one.members)]
    apart, together = found
    assert len(hydra - set(apart.members)) <= 1, "of strangers, one of a hydra may not look like the others"
    assert "organization" not in apart.ties
    assert hydra <= set(together.members)
    assert len(together.members) <= len(hydra) + 1, "a stranger may look like its accounts"
    assert list(together.ties) == ["organization"]
    assert all(reason.text.startswith("as one account ") for reason in together.reasons)
    assert max(together.shares) == pytest.approx(together.strength), "nobody loses of it as if hardly tied to their own organisation"


def test_a_firm_that_divides_a_job_among_its_keys_is_no_campaign_where_the_log_says_whose_they_are() -> None:
    """The same work over as many accounts, which is a hydra's where each has an organisation of its own."""
    others = [msgspec.structs.replace(each, request_id=f"o{each.request_id}") for each in people(120)]
    firm = {each.account_id for each in divided()}
    owned = [msgspec.structs.replace(each, payment_fingerprint="pm_one", source_ip="198.51.100.7") for each in divided()]
    requests = sorted([*owned, *others], key=lambda one: float(one.timestamp))

    def told(requests: list[Request]) -> list[set[str]]:
        return [set(one.members) for one in run(requests, prior.load()).context.campaigns if one.strength >= 0.0]

    assert told(of_one(requests, set())) == [firm]
    assert told(of_one(requests, firm)) == []
