"""Does the simulator cover the arena? `python -m tests.quality.coverage [--arena FOLDER] [--worlds 12] [--accounts 700]`.

For each feature, and for plain quantities of the log, and for each label: the share of a stream's accounts outside of the 1st to the 99th
percentile of simulated ones, and the AUC of a simulated against a real account by that quantity alone (0.5: alike). It need not be equal;
it must cover. Only marginal distributions are looked at: nothing is fitted to the streams' labels.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import zstandard
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.scoring.features import NAMES, matrix
from siphonwatch.detector.simulate import simulate, varied
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder

from tests.conftest import ARENA

STREAMS = ("dev", "second", "b2b", "consumer")
LEAST = 5  # requests of an account that is compared
SEEDS = range(9_000, 9_100)  # of worlds that nothing is trained on


def records(folder: Path) -> list[bytes]:
    """The lines of a stream's log."""
    packed = folder / "requests.jsonl.zst"
    if packed.exists():
        return zstandard.ZstdDecompressor().stream_reader(packed.read_bytes()).readall().splitlines()
    return gzip.decompress((folder / "requests.jsonl.gz").read_bytes()).splitlines()


def decoded(lines: Sequence[bytes], size: int = 20_000) -> Iterator[tuple[list[Request], Sequence[int]]]:
    """(requests, times) in parts; broken records are left out."""
    read = decoder("native")
    for start in range(0, len(lines), size):
        part = read.decode(lines[start : start + size])
        yield part.requests, part.times


def table(parts: Iterator[tuple[list[Request], Sequence[int]]]) -> pd.DataFrame:
    """Features and plain quantities of every account with at least ``LEAST`` requests, by account id."""
    index: dict[str, int] = {}
    rows = state.empty(200_000)
    plain = []
    for requests, times in parts:
        columns = batch(requests, times)
        codes, names = pd.factorize(columns.accounts)
        position = np.array([index.setdefault(name, len(index)) for name in names])
        rows[position] = state.merge(rows[position], fold(columns, codes, len(names)))
        plain.append(_plain(requests, columns))
    view = View(rows[: len(index)])
    features = pd.DataFrame(matrix(view), index=list(index), columns=[f"feature {name}" for name in NAMES])
    quantities = _by_account(pd.concat(plain))
    found = quantities.join(features)
    return found[found["requests"] >= LEAST]


def _plain(requests: list[Request], columns: object) -> pd.DataFrame:
    of = {name: getattr(columns, name) for name in (
        "accounts", "time", "tokens_in", "tokens_out", "status", "follow_up", "tool_use", "temperature", "max_tokens", "length_stop",
        "model", "end_user", "system", "address", "agent", "session", "created", "forced_json", "logprobs")}  # fmt: skip
    frame = pd.DataFrame(of)
    frame["prompt"] = getattr(columns, "text").prompt  # noqa: B009
    frame["latency"] = [request.latency_ms if request.latency_ms is not None else np.nan for request in requests]
    frame["answers"] = [request.response is not None for request in requests]
    frame["letters"] = [_letters(request) for request in requests]
    frame["foreign"] = [_foreign(request) for request in requests]
    frame["messages"] = [len(request.messages or ()) for request in requests]
    return frame


def _texts(request: Request) -> list[str]:
    found = []
    for message in request.messages or ():
        if isinstance(message.content, str):
            found.append(message.content)
        elif message.content:
            found += [part.text for part in message.content if part.text]
    return found


def _letters(request: Request) -> int:
    return sum(map(len, _texts(request)))


def _foreign(request: Request) -> bool:
    texts = _texts(request)
    return bool(texts) and not texts[-1][:80].isascii()


def _by_account(frame: pd.DataFrame) -> pd.DataFrame:
    """Plain quantities of each account."""
    frame = frame.sort_values(["accounts", "time"], kind="stable", ignore_index=True)
    by = frame.groupby("accounts", sort=False)
    gaps = by["time"].diff() / 1000.0
    frame = frame.assign(gap=gaps, hour=frame["time"] // 3_600_000)
    slack = gaps - frame["latency"].groupby(frame["accounts"], sort=False).shift() / 1000.0
    by = frame.assign(slack=slack, waited=(slack >= 0).where(slack.notna())).groupby("accounts", sort=False)
    requests = by.size()
    found = pd.DataFrame({
        "requests": requests,
        "tokens in, median": by["tokens_in"].median(),
        "tokens out, median": by["tokens_out"].median(),
        "tokens out, 90th percentile": by["tokens_out"].quantile(0.9),
        "tokens out, total": by["tokens_out"].sum(),
        "letters of a request, median": by["letters"].median(),
        "messages of a request, mean": by["messages"].mean(),
        "follow-ups, share": by["follow_up"].mean(),
        "tool use, share": by["tool_use"].mean(),
        "hours active": by["hour"].nunique(),
        "seconds between requests, median": by["gap"].median(),
        "seconds between requests, 10th percentile": by["gap"].quantile(0.1),
        "starts after the last answer, share": by["waited"].mean(),
        "latency, median": by["latency"].median(),
        "ms a token": by["latency"].sum() / np.maximum(by["tokens_out"].sum(), 1),
        "models": by["model"].nunique(),
        "addresses": by["address"].nunique(),
        "end users": by["end_user"].nunique(),
        "system prompts": by["system"].nunique(),
        "system prompt, share": by["system"].apply(lambda column: (column != 0).mean()),
        "clients": by["agent"].nunique(),
        "distinct prompts, share": by["prompt"].nunique() / requests,
        "cut answers, share": by["length_stop"].mean(),
        "refused by limits, share": by["status"].apply(lambda column: (column == 429).mean()),
        "logprobs, share": by["logprobs"].mean(),
        "temperature": by["temperature"].median(),
        "not in ASCII, share": by["foreign"].mean(),
        "answers logged, share": by["answers"].mean(),
        "age, days": (by["time"].min() / 1000 - by["created"].max().where(lambda column: column > 0)) / 86_400,
    })  # fmt: skip
    return found


def auc(first: np.ndarray, second: np.ndarray) -> float:
    """How often a value of ``second`` is above one of ``first``, ties for half (Mann and Whitney 1947)."""
    order = np.sort(first)
    above = np.searchsorted(order, second, "left") + np.searchsorted(order, second, "right")
    return float(above.mean() / (2 * len(order)))


def report(simulated: pd.DataFrame, real: pd.DataFrame, truth: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row a quantity and label: quantiles, the share outside, the AUC; worst first."""
    lines = []
    for label in ("harvest", "benign"):
        ours, theirs = simulated[truth["simulated"] == label], real[truth["real"] == label]
        for name in simulated.columns:
            mine = ours[name].dropna().to_numpy(dtype=float)
            other = theirs[name].dropna().to_numpy(dtype=float)
            if len(mine) < 20 or len(other) < 20:
                continue
            low, high = np.quantile(mine, (0.01, 0.99))
            outside = float(((other < low) | (other > high)).mean())
            lines.append(
                (label, name, outside, auc(mine, other), *np.quantile(mine, (0.1, 0.5, 0.9)), *np.quantile(other, (0.1, 0.5, 0.9)))
            )
    columns = ["label", "quantity", "outside", "AUC", "ours 10%", "50%", "90%", "theirs 10%", "50% ", "90% "]
    found = pd.DataFrame(lines, columns=columns)
    found["gap"] = np.maximum(found["outside"] / 0.02 - 1, 0) * 0.1 + np.abs(found["AUC"] - 0.5) * 2
    return found.sort_values("gap", ascending=False).drop(columns="gap")


def main() -> None:
    """Print the report for each stream, and over all of them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--arena", type=Path, default=ARENA, help="the folder of the labelled streams")
    options.add_argument("--worlds", type=int, default=12)
    options.add_argument("--accounts", type=int, default=700)
    options.add_argument("--lines", type=int, default=25, help="of each table")
    options.add_argument("--cache", type=Path, help="a folder in which the streams' quantities are kept")
    chosen = options.parse_args()
    frames, labels = [], []
    for world in varied(SEEDS[: chosen.worlds], chosen.accounts):
        traffic = simulate(world)
        frames.append(table(decoded([encode(request) for request in traffic.requests])))
        labels += [traffic.labels[account].label for account in frames[-1].index]
    simulated, ours = pd.concat(frames), np.array(labels)
    print(f"{len(simulated):,} accounts of {chosen.worlds} simulated worlds, {(ours == 'harvest').sum()} harvesting\n")
    if not chosen.arena.is_dir():
        print(f"The arena is absent beside this clone ({chosen.arena}): nothing to compare with.")
        return
    everything, truths = [], []
    for name in STREAMS:
        kept = chosen.cache / f"{name}.pkl" if chosen.cache else None
        real = pd.read_pickle(kept) if kept and kept.exists() else table(decoded(records(chosen.arena / name)))
        if kept and not kept.exists():
            real.to_pickle(kept)
        known = json.loads((chosen.arena / name / "labels.json").read_text())
        theirs = np.array([known[account]["label"] for account in real.index])
        everything.append(real)
        truths.append(theirs)
        print(f"## {name}: {len(real):,} accounts, {(theirs == 'harvest').sum()} harvesting")
        print(_shown(report(simulated, real, {"simulated": ours, "real": theirs}).head(chosen.lines)))
    together = report(simulated, pd.concat(everything), {"simulated": ours, "real": np.concatenate(truths)})
    print("## all four together")
    print(_shown(together.head(chosen.lines * 2)))
    worst = together["outside"].max()
    print(f"mean share outside {together['outside'].mean():.3f}, worst {worst:.3f}; mean distance of the AUC from a half "
          f"{(together['AUC'] - 0.5).abs().mean():.3f}")  # fmt: skip


def _shown(found: pd.DataFrame) -> str:
    return found.to_string(index=False, float_format=lambda value: f"{value:.3g}") + "\n"


if __name__ == "__main__":
    main()
