"""What is free to say excuses nobody: changing every declared field of an account does not lower its odds."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.request import Message, Parameters, Request
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.scoring.model import Model
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.streams.common import prior

from tests.property.strategies import columns, request

BOUND = 0.6  # log-odds: what chance in the samples of an account's text may move, when text is put around its own
MODEL = Model(prior.load())


def odds(requests: list[Request]) -> float:
    rows = state.fold(columns(requests), np.zeros(len(requests), dtype=np.int64), 1)
    return float(MODEL.log_odds(matrix(View(rows)), MODEL.reference.summary())[0])


many = st.lists(request(span=3 * 86_400.0), min_size=5, max_size=30)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "end_user_id": st.sampled_from([None, "u1", "u2", "u3"]),
    "session_id": st.sampled_from([None, "s1", "s2"]),
    "user_agent": st.sampled_from([None, "curl", "other/2"]),
    "organization_id": st.sampled_from([None, "o"]),
    "api_key_id": st.sampled_from([None, "k1", "k2"]),
    "request_id": st.text(max_size=4),
    "model": st.sampled_from(["m1", "m2", "m3"]),
}


@settings(max_examples=150, deadline=None)
@given(many, st.data())
def test_fields_that_nobody_pays_for_do_not_lower_the_odds(requests: list[Request], data: st.DataObject) -> None:
    changed = []
    for each in requests:
        fields = {name: data.draw(values) for name, values in FIELDS.items()}
        parameters = each.parameters or Parameters()
        temperature, room = data.draw(st.sampled_from([None, 0.0, 1.0])), data.draw(st.sampled_from([None, 1, 100, 8192]))
        tools = data.draw(st.sampled_from([msgspec.Raw(b"null"), msgspec.Raw(b'[{"type":"function"}]')]))
        fields["parameters"] = msgspec.structs.replace(parameters, temperature=temperature, max_tokens=room, tools=tools)
        changed.append(msgspec.structs.replace(each, **fields))
    assert odds(changed) >= odds(requests) - 1e-9


SYSTEM = "You are the assistant of a shop. Be kind, be short, and never speak of anything else than what the shop sells. " * 2


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 120), st.sampled_from(["system", "turns", "last", "around"]), st.integers(0, 10**6))
def test_text_put_around_an_accounts_own_does_not_lower_its_odds_by_more_than_the_bound(count: int, where: str, salt: int) -> None:
    plain, dressed = [], []
    for at in range(count):
        text = " ".join(f"w{(salt + at * 31 + place * 7) % 100_003}" for place in range(14))
        made = Request(f"r{at}", 1_790_000_000.0 + 1_200.0 * at, "a", "m", messages=[Message("user", text)])
        turns = {
            "system": [Message("system", SYSTEM), Message("user", text)],
            "turns": [Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", text)],
            "last": [Message("user", text), Message("assistant", "Understood."), Message("user", "Please answer.")],
            "around": [Message("user", f"{SYSTEM}{text} {SYSTEM}")],
        }[where]
        plain.append(made)
        dressed.append(msgspec.structs.replace(made, messages=turns))
    assert odds(dressed) >= odds(plain) - BOUND
