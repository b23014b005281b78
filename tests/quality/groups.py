"""Groups: the shipped examples made anew, and how each hand's groups are judged by a judge that has seen none of its own.

    python -m tests.quality.groups examples     writes the shipped examples, from the streams beside this clone and the simulator
    python -m tests.quality.groups examples arena     those of the streams alone
    python -m tests.quality.groups              prints the table

The examples' members are judged by the shipped prior of accounts: make them again after that one, then ``siphonwatch prior`` once more.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from siphonwatch.detector.learning import fit
from siphonwatch.detector.learning.group_examples import GroupExamples, group_examples, group_looks, joined, without_heights
from siphonwatch.detector.learning.group_fit import SIMULATOR, group_prior
from siphonwatch.detector.scoring.group_judge import best, height, scores
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.simulate.world import varied
from siphonwatch.streams.common import prior
from siphonwatch.streams.training import groups as group_files

from tests.quality.hands import HANDS, shipped, stream

FOLDER = Path(fit.__file__).parent / "groups"
WORLDS, ACCOUNTS = range(40), 1600


def _of_stream(name: str) -> GroupExamples | None:
    return group_examples(*stream(name), prior.load())


def _of_world(world: World) -> GroupExamples | None:
    made = simulate(world)
    return group_examples(made.requests, made.labels, prior.load())


def write_examples(simulated: bool = True) -> None:
    """Make the shipped examples of groups anew; those of the simulator's worlds take longest, and may be left."""
    FOLDER.mkdir(exist_ok=True)
    with ProcessPoolExecutor() as pool:
        made = {hand: list(pool.map(_of_stream, names)) for hand, names in HANDS.items()}
        if simulated:
            made[SIMULATOR] = list(pool.map(_of_world, varied(WORLDS, ACCOUNTS)))
    for hand, parts in made.items():
        whole = joined([part for part in parts if part is not None])
        data = group_files.pack(without_heights(whole) if hand == SIMULATOR else whole)
        (FOLDER / f"{hand}.npz").write_bytes(data)
        print(hand, len(data), flush=True)


def table() -> None:
    """At the end of each stream: what is flagged through groups, the stream's hand left out of both priors."""
    print("| stream, its hand left out | campaigns of 3 or more half caught | by tokens | harvesters | innocents | groups |")
    print("| --- | --- | --- | --- | --- | --- |")
    for hand, names in HANDS.items():
        known = group_prior({other: part for other, part in group_files.hands().items() if other != hand})
        accounts = fit.prior({other: part for other, part in shipped.hands().items() if other != hand}, "held out")
        for name in names:
            requests, labels = stream(name)
            took = dict.fromkeys(labels, 0)
            for request in requests:
                took[request.account_id] += (request.usage.completion_tokens or 0) if request.usage else 0
            look = group_looks(requests, labels, accounts, (1.0,))[0]
            strongest = best(scores(look.features, known), look.candidates, len(look.accounts))
            limit = height(strongest, known, DEFAULT.reference_accounts)
            flagged = {look.accounts[row] for row in np.flatnonzero(strongest >= limit).tolist()}
            campaigns: dict[str, list[str]] = {}
            for account, label in labels.items():
                if label.label == "harvest":
                    campaigns.setdefault(str(label.campaign), []).append(account)
            large = {number: members for number, members in campaigns.items() if len(members) >= 3}
            half = [number for number, members in large.items() if 2 * len(flagged.intersection(members)) >= len(members)]
            tokens = [
                number for number, members in large.items() if 2 * sum(took[each] for each in flagged.intersection(members))
                >= sum(took[each] for each in members)
            ]  # fmt: skip
            harvesters = sum(labels[account].label == "harvest" for account in flagged)
            print(
                f"| `{name}` | {len(half)} of {len(large)} | {len(tokens)} of {len(large)} | {harvesters} | {len(flagged) - harvesters} "
                f"| {len(look.candidates)} |",
                flush=True,
            )
            if "-v" in sys.argv:
                print({number: f"{len(flagged.intersection(members))}/{len(members)}" for number, members in large.items()})


if __name__ == "__main__":
    write_examples("arena" not in sys.argv) if "examples" in sys.argv else table()
