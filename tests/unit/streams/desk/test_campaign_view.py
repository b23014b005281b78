"""What a campaign's picture shows of what its members share."""

from __future__ import annotations

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.verdicts.linking import WORDS
from siphonwatch.streams.desk.pictures.ties import MARKS, graph
from siphonwatch.streams.desk.views.campaign import hubs

from tests.unit.detector.scoring.test_groups import divided, view

OF_TWO = {"created", "content"}  # what two accounts have in common without a value that both hold


def shared(requests: list[Request]) -> dict[str, int]:
    """Trait -> the most accounts that hold one value of it."""
    found: dict[str, int] = {}
    for hub in hubs(view(requests)):
        found[hub.trait] = max(found.get(hub.trait, 0), len(hub.members))
    return found


def test_every_word_of_what_ties_accounts_has_its_mark() -> None:
    assert set(MARKS) == set(WORDS) - OF_TWO


def test_accounts_of_one_organisation_are_drawn_around_it() -> None:
    plain = divided()
    firm = [msgspec.structs.replace(each, organization_id="firm" if int(each.account_id[1:]) < 5 else None) for each in plain]
    assert "organization" not in shared(plain)
    assert shared(firm)["organization"] == 5
    assert {trait: held for trait, held in shared(firm).items() if trait != "organization"} == shared(plain)
    drawn = str(graph([f"a{number:03d}" for number in range(12)], hubs(view(firm))))
    assert "organization 1, shared by 5 accounts" in drawn
    assert MARKS["organization"] in drawn
