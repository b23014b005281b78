"""With a key, a person asks for an account by its plain id, and everything that is stored knows only its pseudonym."""

from __future__ import annotations

from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.formats.privacy import pseudonym
from siphonwatch.streams.stores import snapshot, whole
from siphonwatch.streams.stores.memory import MemoryStore

WORLD = World(accounts=60, days=1.0, prevalence=0.2, seed=4, harvests=("reasoning",))
KEY = "a key"


def test_plain_ids_find_what_only_pseudonyms_name() -> None:
    from siphonwatch.detector.request.columns import batch

    requests = simulate(WORLD).requests
    decoded = decoder("auto", account_key=KEY).decode([encode(request) for request in requests])
    engine = Engine(prior.load())
    engine.process(batch(decoded.requests, decoded.times))
    engine.finish()
    plain = {request.account_id for request in requests}
    assert not plain & set(engine.accounts.ids)
    store = MemoryStore()
    packed = snapshot.pack_accounts(engine.accounts, engine.accounts.ids)
    whole.write(store, snapshot.pack_context(engine), packed, engine.verdicts)
    wanted = requests[0].account_id
    desk = Desk(store, prior.load(), DEFAULT, KEY)
    assert desk.account(wanted).facts.account_id == pseudonym(wanted, KEY)
    assert desk.account(pseudonym(wanted, KEY)).facts == desk.account(wanted).facts
    made = desk.rule(wanted, False, "analyst", "", None)
    assert made.subject == pseudonym(wanted, KEY)
    kept = b"".join(value for _, value, _ in packed) + snapshot.pack_context(engine)
    assert not any(name.encode() in kept for name in plain)
