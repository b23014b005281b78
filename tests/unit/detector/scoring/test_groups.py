"""What a group is, measured: one list divided by chance, against strangers; and each sentence."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, Usage, epoch_ms
from siphonwatch.detector.scoring.group_judge import FEATURES, NAMES, Standing, height, matrix, scores
from siphonwatch.detector.scoring.groups import Groups
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts import campaign
from siphonwatch.streams.common import prior

GOLDEN = Path(__file__).with_name("groups.golden.txt")
START, WORDS = (
    1_790_000_000,
    [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pe", "ra", "so", "tu") for b in ("den", "fil", "gor", "hun", "jal")],
)
SIZE, ASKS = 12, 30


def view(requests: list[Request]) -> View:
    """Accounts by id."""
    made = batch(requests, [epoch_ms(request.timestamp) for request in requests])
    names = sorted({request.account_id for request in requests})
    rows = fold(made, np.array([names.index(request.account_id) for request in requests]), len(names))
    return View(rows)


def prompt(rng: random.Random, words: list[str]) -> str:
    return " ".join(rng.choice(words) + str(rng.randrange(6)) for _ in range(30))


def request(account: int, number: int, at: float, text: str, tokens: int = 300) -> Request:
    return Request(
        request_id=f"{account}-{number}", timestamp=at, account_id=f"a{account:03d}", model="m", prompt=text, usage=Usage(60, tokens),
        account_created_at=START - 86_400 * 30 - (account * 37 % 11) * 3600, source_ip=f"192.0.2.{account}",
    )  # fmt: skip


def divided(seed: int = 1) -> list[Request]:
    """One list behind ``SIZE`` accounts, each item to the next of them."""
    rng = random.Random(seed)
    return [request(number % SIZE, number, START + number * 60, prompt(rng, WORDS)) for number in range(SIZE * ASKS)]


def strangers(seed: int = 2) -> list[Request]:
    """Accounts with subjects, hours and lengths of their own."""
    rng, made = random.Random(seed), []
    for account in range(SIZE):
        words, begin, tokens = rng.sample(WORDS, 4), START + rng.randrange(12) * 3600, rng.choice((20, 80, 400, 1500))
        asks = rng.randrange(6, 3 * ASKS)
        made += [request(account, number, begin + number * 40, prompt(rng, words), tokens) for number in range(asks)]
    return sorted(made, key=lambda each: float(each.timestamp))


def homework(seed: int = 3) -> list[Request]:
    """A class: everybody sends the same texts."""
    rng = random.Random(seed)
    texts = [prompt(rng, WORDS) for _ in range(ASKS)]
    return [request(account, number, START + number * 60 + account, text) for number, text in enumerate(texts) for account in range(SIZE)]


def standing(requests: list[Request], own: float = -2.0) -> Standing:
    seen = view(requests)
    return Standing(Groups(seen, np.full(len(seen), own), [np.arange(len(seen))]))


def test_one_list_divided_is_closer_than_strangers_are() -> None:
    hydra, people = standing(divided()).groups, standing(strangers()).groups
    assert hydra.subjects[0] < 2 < 4 < people.subjects[0]
    assert hydra.lengths("log_out")[0] < 2 < people.lengths("log_out")[0]
    assert hydra.rhythm[0] < 1.5 < people.rhythm[0]
    assert standing(divided()).alike[0] > standing(strangers()).alike[0] + 0.2


def test_a_class_shares_its_questions_and_a_hydra_divides_them() -> None:
    assert standing(divided()).divided[0] > 0.8
    assert standing(homework()).divided[0] < 0.1


def test_a_list_whose_items_are_each_asked_twice_is_divided_as_well() -> None:
    twice = [request((number + 5 * again) % SIZE, 2 * number + again, START + number * 60 + again, each.prompt or "")
             for number, each in enumerate(divided()) for again in (0, 1)]  # fmt: skip
    assert standing(twice).divided[0] > standing(homework()).divided[0] + 0.3


def test_what_is_shared_binds() -> None:
    apart = divided()
    addresses = [msgspec.structs.replace(each, source_ip="198.51.100.7") for each in apart]
    cards = [msgspec.structs.replace(each, payment_fingerprint="pm_one") for each in apart]
    assert standing(apart).bonds["address"][0] == 0
    for changed in (addresses, cards):
        assert standing(changed).bound[0] > standing(apart).bound[0]


def test_an_owner_ties_whoever_else_there_is_and_a_day_of_sign_up_only_those_who_are_apart() -> None:
    others = [request(100 + number, 0, START + number * 60, "alone") for number in range(60)]
    for number, each in enumerate(others):
        each.account_created_at = START - 86_400 * 3 * number - 1
    of_a_day = view(sorted([*divided(), *others], key=lambda one: float(one.timestamp)))
    made = Standing(Groups(of_a_day, np.full(len(of_a_day), -2.0), [np.arange(SIZE)]))
    apart, amid = (float(made.tied(np.array([closed]))[0]) for closed in (1.0, 0.02))
    assert amid < DEFAULT.group_tied < apart
    owned = standing([msgspec.structs.replace(each, payment_fingerprint="pm_one") for each in divided()])
    assert owned.tied(np.array([0.02]))[0] > 0.7


def test_who_goes_on_where_another_one_stopped_hands_over() -> None:
    rng = random.Random(4)
    handed = [request(number // ASKS, number, START + number * 300, prompt(rng, WORDS)) for number in range(SIZE * ASKS)]
    assert standing(handed).groups.hand_over[0] > 0.3
    assert standing(divided()).groups.hand_over[0] == 0


def test_a_list_loads_its_hours_evenly_and_people_have_peaks() -> None:
    assert standing(divided()).steady[0] > standing(strangers()).steady[0] + 0.2
    longer = [msgspec.structs.replace(each, timestamp=float(each.timestamp) + 6 * 3600 * part) for part in range(8) for each in divided()]
    resting = [each for each in longer if int(float(each.timestamp)) // 3600 % 2 == 0]
    assert standing(resting).steady[0] == pytest.approx(standing(longer).steady[0], abs=0.1), "hours off cost throughput, not evenness"
    assert standing(longer).steady[0] > standing(divided()).steady[0] + 0.2, "a few even hours say little"


def test_who_was_there_before_the_log_did_not_begin_together() -> None:
    others = [request(100 + number, 0, START + number * 10_800, "alone") for number in range(40)]
    later = [msgspec.structs.replace(each, timestamp=float(each.timestamp) + 86_400) for each in divided()]
    at_once, one_day_later = (view(sorted([*others, *each], key=lambda one: float(one.timestamp))) for each in (divided(), later))
    bonds = [Standing(Groups(each, np.full(len(each), -2.0), [np.arange(SIZE)])).bonds["began"][0] for each in (at_once, one_day_later)]
    assert bonds[0] == 0.0 < bonds[1]


def _user(each: Request, number: int) -> Request:
    return msgspec.structs.replace(each, end_user_id=f"u{number % 40}")


def _agent(each: Request, number: int) -> Request:
    return msgspec.structs.replace(each, user_agent=f"client/{number % 9}")


def _session(each: Request, number: int) -> Request:
    return msgspec.structs.replace(each, session_id=f"s{number // 3}")


def _ids(each: Request, number: int) -> Request:
    return msgspec.structs.replace(each, request_id=f"r{number}")


@pytest.mark.parametrize("declare", [_user, _agent, _session, _ids])
@pytest.mark.parametrize("traffic", [divided, strangers, homework])
def test_what_is_free_to_declare_moves_no_group(declare: Callable[[Request, int], Request], traffic: Callable[[], list[Request]]) -> None:
    plain = traffic()
    changed = [declare(each, number) for number, each in enumerate(plain)]
    assert matrix(standing(changed)).tolist() == matrix(standing(plain)).tolist()


def test_weights_are_directed_and_features_say_nothing_at_nought() -> None:
    shipped = prior.load().groups
    assert shipped is not None
    assert tuple(shipped.weights) == NAMES
    assert min(shipped.weights.values()) >= 0
    measured = matrix(standing(strangers(), own=-20.0))
    assert measured.min() >= 0
    assert measured.max() <= 1


def test_the_height_follows_its_stream() -> None:
    shipped = prior.load().groups
    assert shipped is not None
    nobody, people = np.full(10, -np.inf), np.random.Generator(np.random.PCG64(1)).normal(3.0, 1.0, 100_000)
    assert height(nobody, shipped, 400) == pytest.approx(shipped.middle + shipped.fence * shipped.breadth), "nothing is known of the stream"
    usual, higher, wider = (height(scored, shipped, 400) for scored in (people, people + 2.0, 3.0 + 4.0 * (people - 3.0)))
    assert higher == pytest.approx(usual + 2.0, abs=0.05)
    assert wider - 3.0 == pytest.approx(2.0 * (usual - 3.0), abs=0.1), "four times the span, twice the height"
    assert height(np.full(1000, 3.0), shipped, 0) == 3.0 + shipped.fence, "groups that are all alike are no measure"


def test_every_sentence_on_groups_is_the_golden_one() -> None:
    """To write the file anew after reading: ``SIPHONWATCH_GOLDEN=write``."""
    shipped = prior.load().groups
    assert shipped is not None
    one = standing([msgspec.structs.replace(each, source_ip="198.51.100.7") for each in divided()])
    features = matrix(one)
    told = campaign.reasons(one, 0, features[0], shipped, SIZE, least=len(FEATURES), most=len(FEATURES))
    total = float(scores(features, shipped)[0])
    assert sum(each.weight for each in told) == pytest.approx(total, abs=0.01), "the reasons add up"
    text = "".join(f"{each.feature}: {each.text}\n" for each in sorted(told, key=lambda each: NAMES.index(each.feature)))
    if os.environ.get("SIPHONWATCH_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "sentences changed: read them, then write the golden file anew"
