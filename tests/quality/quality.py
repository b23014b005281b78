"""`make quality`: how well harvesters are found; on the arena, with each hand left out of training, and against evasions.

Prints every table and writes it to RESULTS.md beside this file; `make quality ONLY="live kinds"` measures those sections alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from siphonwatch.detector.learning.examples import of_worlds
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.simulate import HARVESTS, World, simulate
from siphonwatch.streams.common import prior as shipped
from siphonwatch.streams.training import shipped as shipped_examples

from tests.conftest import ARENA
from tests.quality import baselines, disguised, hands, live, organised
from tests.quality.evasions import EVASIONS, evade
from tests.quality.figures import Figures, average_precision, measure, recall_at, run

HERE = Path(__file__).parent
SEEDS = (901, 902, 903)


NO_ARENA = "The arena is absent beside this clone: its figures were not measured.\n"


def _of_arena(tell: Callable[[Callable[[str], None]], None]) -> str:
    """What is told, a line at a time, of the arena's streams."""
    if not ARENA.is_dir():
        return NO_ARENA
    lines: list[str] = []
    tell(lines.append)
    return "\n".join(lines) + "\n"


def published() -> str:
    """Other methods on the same streams, seen to their end."""
    if not ARENA.is_dir():
        return NO_ARENA
    lines = ["| method, stream | average precision | recall at 0.1 % | recall at 1 % |", "| --- | --- | --- | --- |"]
    for name in hands.JUDGED.values():
        requests, labels = hands.stream(name)
        names = list(labels)
        truth = np.array([labels[each].label == "harvest" for each in names])
        for method, scores in baselines.scores(requests, names).items():
            figures = (average_precision(scores, truth), recall_at(scores, truth, 0.001), recall_at(scores, truth, 0.01))
            lines.append(f"| {method}, `{name}` | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
    return "\n".join(lines) + "\n"


POORER: dict[str, tuple[str, ...]] = {  # what a gateway may not log -> fields of the request
    "everything": (),
    "no prompts": ("messages", "prompt"),
    "no addresses, clients, payments": ("source_ip", "user_agent", "payment_fingerprint"),
    "no sign-up times": ("account_created_at",),
    "no sampling parameters": ("parameters",),
    "no organisations": ("organization_id",),
    "no token counts": ("usage",),
}


def poorer_logs() -> str:
    """`b2b` as gateways would log it that know less, by the prior that has not seen its hand."""
    if not ARENA.is_dir():
        return NO_ARENA
    requests, labels = hands.stream("b2b")
    unseen = live.held_out("b2b", shipped_examples.hands())
    lines = [
        "| the log holds | average precision | recall at 0.1 % | recall as flagged | precision as flagged | innocents flagged |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, fields in POORER.items():
        less = [msgspec.structs.replace(request, **dict.fromkeys(fields)) for request in requests] if fields else requests
        f = measure(run(less, unseen), labels, less)
        lines.append(
            f"| {name} | {f.average_precision:.2f} | {f.recall_001:.2f} | {f.flagged_recall:.2f} | {f.flagged_precision:.2f} | "
            f"{f.false_positives} of {f.accounts - f.harvesting:,} |"
        )
    return "\n".join(lines) + "\n"


def _run_world(job: tuple[World, Prior]) -> Figures:
    world, prior = job
    traffic = simulate(world)
    return measure(run(traffic.requests, prior), traffic.labels, traffic.requests)


def _kind(job: tuple[str, int]) -> tuple[str, Figures]:
    kind, seed = job
    return kind, _run_world((World(900, 2.5, 0.04, seed, harvests=(kind,)), shipped.load()))


def _evasion(job: tuple[str, int]) -> tuple[str, Figures, float]:
    name, seed = job
    traffic = simulate(World(1200, 3.0, 0.02, seed, harvests=("naive", "reasoning", "slow", "personas", "samples", "pivot")))
    changed, throughput = evade(traffic, name, seed)
    return name, measure(run(changed.requests, shipped.load()), changed.labels, changed.requests), throughput


def _mean(figures: list[Figures], of: Callable[[Figures], float]) -> str:
    values = [of(each) for each in figures]
    known = [value for value in values if not np.isnan(value)]
    return f"{np.mean(known):.2f}" if known else "none"


def by_kind(pool: ProcessPoolExecutor) -> str:
    """Each kind of harvester alone among innocents, by the shipped prior."""
    grouped: dict[str, list[Figures]] = {}
    for kind, figures in pool.map(_kind, [(kind, seed) for kind in HARVESTS for seed in SEEDS[:2]]):
        grouped.setdefault(kind, []).append(figures)
    lines = [
        "| kind | average precision | recall at 0.1 % | recall at 0.5 % | recall as flagged | innocents flagged |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, found in grouped.items():
        wrong, innocent = sum(f.false_positives for f in found), sum(f.accounts - f.harvesting for f in found)
        lines.append(
            f"| {kind} | {_mean(found, lambda f: f.average_precision)} | {_mean(found, lambda f: f.recall_001)} | "
            f"{_mean(found, lambda f: f.recall_005)} | {_mean(found, lambda f: f.flagged_recall)} | {wrong} of {innocent:,} |"
        )
    return "\n".join(lines) + "\n"


def populations(pool: ProcessPoolExecutor) -> str:
    """Other prevalences, mixes and lengths of the stream, with the shipped prior."""
    base = World(2000, 3.0, 0.02, 0)
    worlds: dict[str, list[World]] = {
        "prevalence 0.1 %": [replace(base, accounts=3000, prevalence=0.001, seed=seed) for seed in SEEDS],
        "prevalence 1 %": [replace(base, prevalence=0.01, seed=seed) for seed in SEEDS],
        "prevalence 10 %": [replace(base, prevalence=0.10, seed=seed) for seed in SEEDS],
        "a very uneven mix of innocents": [replace(base, variety=1.3, seed=seed) for seed in SEEDS],
        "cold start: six hours in all": [replace(base, days=0.25, seed=seed) for seed in SEEDS],
        "no harvester at all": [replace(base, prevalence=0.0, seed=seed) for seed in SEEDS],
    }
    jobs = [(world, shipped.load()) for group in worlds.values() for world in group]
    results = iter(list(pool.map(_run_world, jobs)))
    lines = [
        "| stream | average precision | recall at 0.1 % | recall as flagged | precision as flagged | innocents flagged |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, group in worlds.items():
        figures = [next(results) for _ in group]
        wrong, innocent = sum(f.false_positives for f in figures), sum(f.accounts - f.harvesting for f in figures)
        some = [f for f in figures if f.harvesting]
        lines.append(
            f"| {name} | {_mean(some, lambda f: f.average_precision)} | {_mean(some, lambda f: f.recall_001)} | "
            f"{_mean(some, lambda f: f.flagged_recall)} | {_mean(some, lambda f: f.flagged_precision)} | {wrong} of {innocent:,} |"
        )
    return "\n".join(lines) + "\n"


def evasion_table(pool: ProcessPoolExecutor) -> str:
    """How far recall falls, and what is left of the harvester's throughput."""
    jobs = [(name, seed) for name in EVASIONS for seed in SEEDS[:2]]
    grouped: dict[str, list[tuple[Figures, float]]] = {}
    for name, figures, throughput in pool.map(_evasion, jobs):
        grouped.setdefault(name, []).append((figures, throughput))
    lines = [
        "| evasion | recall at 0.1 % | recall as flagged | tokens left before a flag | throughput kept | further cost |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, results in grouped.items():
        figures = [each for each, _ in results]
        lines.append(
            f"| {name} | {_mean(figures, lambda f: f.recall_001)} | {_mean(figures, lambda f: f.flagged_recall)} | "
            f"{_mean(figures, lambda f: f.leaked)} | {np.mean([kept for _, kept in results]):.0%} | {EVASIONS[name][1]} |"
        )
    return "\n".join(lines) + "\n"


Section = tuple[str, Callable[[ProcessPoolExecutor], str]]
SECTIONS: dict[str, Section] = {
    "live": ("Each hand left out, as a live stream", lambda _: _of_arena(lambda say: live.main((), say))),
    "disguised": (
        "Free evasions on the same streams, live, each hand left out",
        lambda pool: _of_arena(lambda say: disguised.main(pool, say)),
    ),
    "organised": (
        "Campaigns within organisations, live, each hand left out",
        lambda pool: _of_arena(lambda say: organised.main(pool, say)),
    ),
    "published": ("Published methods and plain counts on the same streams", lambda _: published()),
    "ranking": (
        "Each hand left out: ranking of accounts at the end of the stream, without groups",
        lambda _: _of_arena(lambda say: hands.tables(of_worlds(range(12)), say)),
    ),
    "poorer": ("`b2b` in poorer logs, its hand left out", lambda _: poorer_logs()),
    "kinds": ("Each kind of harvester alone, by the shipped prior (simulator, two seeds)", by_kind),
    "populations": ("Other populations (simulator, three seeds)", populations),
    "evasions": ("Evasions (simulator, two seeds)", evasion_table),
}
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"


def written(text: str, found: dict[str, str]) -> str:
    """RESULTS with the sections ``found`` (title -> text) in place of those of the same title; the others stay as they were measured."""
    head, rest = text.split(BEGIN)
    old, tail = rest.split(END)
    kept = dict(part.split("\n", 1) for part in old.split("## ")[1:])
    titles = [title for title, _ in SECTIONS.values()]
    parts = [f"## {title}\n{found.get(title) or kept[title]}" for title in titles if title in found or title in kept]
    return f"{head}{BEGIN}{''.join(parts)}{END}{tail}"


def main() -> None:
    """Run everything, or the sections that are named, print it, and put it into RESULTS.md."""
    parser = argparse.ArgumentParser(description="how well harvesters are found")
    told = f"of {', '.join(SECTIONS)}; all without one"
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], metavar="SECTION", help=told)
    path, found = HERE / "RESULTS.md", {}
    with ProcessPoolExecutor(2) as pool:
        for name in parser.parse_args().sections or SECTIONS:
            (title, make), started = SECTIONS[name], time.monotonic()
            text = make(pool)
            stamp = f"Measured {datetime.now(UTC):%Y-%m-%d} by `make quality`, in {time.monotonic() - started:.0f} s."
            found[title] = f"\n{stamp}\n\n{text}\n"
            print(f"## {title}\n{found[title]}", flush=True)
            path.write_text(written(path.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
