"""Kinds of accounts: which works, laws of demand, shapes of conversation and paces are likely for whom.

A kind is a region of the product space, not a character: an account draws each of its traits from the kind's weights, the weights of a
world are perturbed, and with the world's ``surprise`` a trait is drawn from everything there is.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Kind(NamedTuple):
    """Weights are ``name:weight`` separated by spaces."""

    share: float  # of the accounts of its label
    works: str
    laws: str
    shapes: str
    paces: str
    volume: float  # requests in two days, the median ...
    spread: float  # ... and the spread of their logarithm: heavy-tailed
    topics: tuple[int, int] = (2, 8)
    system: float = 0.2  # how often with a system prompt, where no habit says otherwise
    users: float = 0.05  # how often with end users
    person: bool = False
    purpose: str = "text"


@cache
def weights(text: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """``name:weight`` pairs as two tuples."""
    pairs = [part.partition(":") for part in text.split()]
    return tuple(name for name, _, _ in pairs), tuple(float(weight or 1) for _, _, weight in pairs)


_PEOPLE = "fresh:6 zipf:2 viral:0.6"
_USERS = "zipf:4 fashion:2 fresh:3"
_SCRIPT = "closed:4 burst:2 cron:1 nightly:2 drip:0.5 office:1"
INNOCENTS: dict[str, Kind] = {
    "person": Kind(0.30, "chat:6 tasks:1 search:1 code:1 homework:0.5 story:0.3", _PEOPLE, "talk:5 single:3", "sessions", 7, 1.1, (2, 60),
        0.1, 0.03, True),
    "passer_by": Kind(0.26, "chat:4 search:2 tasks:1", _PEOPLE, "single:3 talk:1", "sessions", 2, 0.7, (2, 90), 0.1, 0.02, True),
    "newcomer": Kind(0.05, "chat:3 tasks:1 code:1", _PEOPLE, "talk:2 single:2", "sessions:2 burst:1", 7, 1.0, (4, 60), 0.1, 0.02, True),
    "search_user": Kind(0.03, "search", "fresh:3 fashion:2 zipf:1", "single", "sessions:3 drip:1", 16, 1.2, (8, 90), 0.05, 0.02, True),
    "pupil": Kind(0.03, "homework:3 reasoning:1", "fresh:2 viral:1", "single:2 talk:2", "sessions", 16, 0.9, (1, 8), 0.05, 0.02, True),
    "coder": Kind(0.03, "code:3 review:2", "fresh", "talk:3 single:2", "sessions:2 office:1", 14, 1.2, (1, 12), 0.4, 0.02, True),
    "role_player": Kind(0.025, "roleplay:3 story:1", "fresh", "talk:4 single:1", "sessions", 22, 1.2, (1, 3), 0.5, 0.1, True),
    "storyteller": Kind(0.015, "story", "fresh:2 zipf:1", "single:2 talk:1", "sessions:2 office:1", 16, 1.1, (1, 5), 0.1, 0.02, True),
    "tinkerer": Kind(0.03, "tasks:2 code:1 generation:1 roleplay:1 persona:1", "fresh:2 zipf:1 rounds:1",
        "single:2 talk:2 script:1 agent:0.6",
                     "sessions:3 closed:1 burst:1", 6, 1.6, (1, 40), 0.3, 0.1, True),
    "coding_agent": Kind(0.02, "code:3 review:1 functions:1", "fresh", "agent", "sessions:3 closed:1 users:1", 35, 1.4, (1, 3), 0.6, 0.05),
    "agent": Kind(0.015, "functions:3 tasks:1 retrieval:1", "zipf:1 fresh:2 fashion:1", "agent:3 script:1",
        "users:2 cron:1 closed:1 office:1", 18, 1.6, (1, 6), 0.6, 0.2),
    "product": Kind(0.03, "slots:2 instructed:1 extraction:1 generation:0.5 rewriting:1 tasks:0.5", _USERS, "single",
        "users:3 office:1 cron:1", 14, 1.8, (1, 4), 0.7, 0.3),
    "chatbot": Kind(0.02, "chat:3 tasks:1 roleplay:1 commands:1", _USERS, "talk:3 single:2", "users:4 office:1", 18, 1.8, (1, 12), 0.7,
        0.5),
    "open_chatbot": Kind(0.008, "chat:3 tasks:2 search:1 code:1", "fresh:3 fashion:1 zipf:1", "talk:2 single:2", "users", 50, 1.6, (10,
        120), 0.4, 0.5),
    "search_product": Kind(0.008, "search:3 retrieval:1", "fashion:2 fresh:2 zipf:1", "single", "users", 30, 1.8, (10, 120), 0.5, 0.4),
    "retrieval_product": Kind(0.015, "retrieval", "zipf:2 fashion:1 fresh:2", "single:3 talk:1", "users:3 office:2", 14, 1.8, (1, 6), 0.7,
        0.3),
    "service_desk": Kind(0.008, "chat", "zipf:2 fresh:1", "talk", "users", 25, 1.7, (1, 3), 0.7, 0.4),
    "translator": Kind(0.012, "translation", "fresh:3 zipf:1 rounds:0.6", "single", "users:2 office:1 closed:1 nightly:1 cron:0.5", 14,
        1.8, (2, 60), 0.5, 0.1),
    "summariser": Kind(0.012, "summary", "fresh:3 zipf:0.6", "single", "users:2 office:1 cron:1 nightly:1 closed:0.5", 12, 1.8, (1, 30),
        0.6, 0.1),
    "extractor": Kind(0.012, "extraction:2 sql:1", "fresh:3 rounds:1 list:0.5", "single", _SCRIPT + " users:2", 14, 1.8, (1, 5), 0.7, 0.1,
        False, "short"),
    "moderator": Kind(0.012, "moderation", "fresh:3 zipf:2", "single", "users:4 cron:1", 18, 1.8, (5, 120), 0.7, 0.3, False, "short"),
    "classifier": Kind(0.012, "classification", "fresh:2 zipf:2 list:1", "single", "users:2 " + _SCRIPT, 18, 1.8, (1, 8), 0.6, 0.1, False,
        "short"),
    "scorer": Kind(0.008, "classification:2 moderation:1 grading:1", "zipf:2 fresh:2 list:1", "single", "users:1 " + _SCRIPT, 40, 1.7, (1,
        60), 0.4, 0.1, False, "scored"),
    "labeller": Kind(0.008, "classification:2 extraction:1 grading:1", "list", "single", _SCRIPT, 30, 1.7, (1, 6), 0.5, 0.03, False,
        "short"),
    "grader": Kind(0.01, "grading", "fresh:1 rounds:1 list:1", "single", _SCRIPT, 24, 1.5, (1, 30), 0.5, 0.05),
    "evaluation": Kind(0.014, "tasks:2 instructed:1 reasoning:2 code:1 classification:1 sql:1", "list:3 rounds:1", "single",
        "burst:3 closed:2 nightly:0.5", 60, 1.3, (1, 60), 0.3, 0.03),
    "researcher": Kind(0.008, "tasks:1 instructed:1 persona:1 reasoning:1", "rounds:3 list:1", "single:3 script:1",
        "burst:2 closed:1 sessions:1", 50, 1.2, (1, 12), 0.3, 0.03),
    "test_data_maker": Kind(0.008, "test_data:3 generation:1", "fresh:2 rounds:1", "single", "closed:1 sessions:1 office:1 burst:1", 22,
        1.3, (1, 10), 0.4, 0.03),
    "content_writer": Kind(0.012, "story:3 slots:1 rewriting:1", "fresh:3 list:1", "single:4 talk:1",
        "office:2 sessions:1 closed:1 cron:1", 22, 1.4, (1, 6), 0.4, 0.05),
    "prompt_rewriter": Kind(0.008, "rewriting:3 evolution:1", "fresh", "single", "users:2 sessions:2", 12, 1.3, (3, 60), 0.5, 0.2),
    "game": Kind(0.008, "roleplay:3 commands:1", "zipf:2 fresh:1", "script:1 talk:2 single:2", "users", 16, 1.7, (1, 3), 0.8, 0.4),
    "voice": Kind(0.008, "commands", "zipf", "single:3 talk:1", "users", 20, 1.6, (1, 3), 0.7, 0.5),
    "sql_tool": Kind(0.008, "sql", "fresh:2 zipf:1", "single:3 talk:1", "office:2 users:1", 16, 1.6, (1, 3), 0.7, 0.2),
    "nightly_job": Kind(0.008, "extraction:1 summary:1 classification:1 slots:1", "rounds", "single", "nightly:3 cron:1", 90, 1.2, (1, 4),
        0.6, 0.03),
    "load_test": Kind(0.006, "tasks:1 chat:1 slots:1 functions:1", "rounds:2 zipf:1", "single:3 agent:1 script:1",
        "burst:2 closed:2 cron:1", 90, 1.4, (1, 20), 0.3, 0.1),
}  # fmt: skip

_TAKES = "closed:3 drip:4 users:1.5 office:1 cron:1 nightly:0.7 burst:0.7 sessions:0.7"
_ALL = (
    "tasks:4 instructed:2 reasoning:2 code:2 persona:1 generation:1 sql:1 retrieval:1 translation:1 summary:1 search:1 rewriting:1 "
    "roleplay:1 homework:1"
)
HARVESTS: dict[str, Kind] = {
    "naive": Kind(2, "tasks:3 instructed:2 chat:1 homework:1", "list", "single", _TAKES, 450, 1.1, (8, 160)),
    "multitask": Kind(2, _ALL, "list", "single:5 script:1", _TAKES, 350, 1.2, (8, 160)),
    "reasoning": Kind(3, "reasoning:4 homework:1", "list", "single", _TAKES, 350, 1.1, (1, 60)),
    "code": Kind(1.5, "code:3 review:1", "list", "single", _TAKES, 350, 1.1, (1, 20)),
    "slow": Kind(1.5, _ALL, "list", "single:5 talk:1", "drip:4 users:1 sessions:2 cron:1", 70, 0.9, (2, 120)),
    "mixed": Kind(1.5, _ALL, "list", "single:4 script:1", _TAKES, 250, 1.0, (2, 120)),
    "grading": Kind(1, "grading", "list", "single", _TAKES, 300, 1.1, (8, 120)),
    "personas": Kind(1, "persona:3 roleplay:1", "list", "single:3 script:1", _TAKES, 300, 1.1, (6, 120)),
    "generation": Kind(1, "generation", "list:3 fresh:1", "single", _TAKES, 250, 1.1, (4, 120)),
    "evolution": Kind(1, "evolution", "list", "single:3 script:1", _TAKES, 200, 1.1, (4, 90)),
    "agent_traces": Kind(1, "functions:2 code:1 tasks:1", "list", "agent", _TAKES, 300, 1.1, (4, 90)),
    "functions": Kind(0.7, "functions", "list", "single:2 agent:1", _TAKES, 150, 1.1, (4, 90)),
    "dialogues": Kind(1.2, "chat:2 tasks:1 roleplay:1", "list", "script:3 talk:1", _TAKES, 300, 1.2, (6, 160)),
    "roleplay": Kind(1, "roleplay:3 story:1", "list", "script:2 single:1", _TAKES, 200, 1.1, (2, 40)),
    "retrieval": Kind(1, "retrieval", "list", "single", _TAKES, 150, 1.1, (4, 120)),
    "documents": Kind(1, "summary:2 extraction:1", "list", "single", _TAKES, 200, 1.1, (4, 120)),
    "translation": Kind(1, "translation", "list", "single", _TAKES, 250, 1.2, (8, 160)),
    "rewriting": Kind(0.7, "rewriting", "list", "single", _TAKES, 150, 1.1, (8, 120)),
    "sql": Kind(0.8, "sql", "list", "single", _TAKES, 250, 1.1, (4, 60)),
    "classifier": Kind(0.8, "classification:3 moderation:1", "list", "single", _TAKES, 400, 1.1, (2, 60), purpose="scored"),
    "logits": Kind(0.8, "tasks", "list", "single", _TAKES, 600, 1.0, (4, 120), purpose="scored"),
    "samples": Kind(1, "tasks:2 chat:1 reasoning:1", "list", "single", _TAKES, 200, 1.0, (6, 120), purpose="samples"),
    "reseller": Kind(1, _ALL, "list", "single:3 script:1", _TAKES, 500, 1.0, (6, 160)),
    "pivot": Kind(1, _ALL, "list", "single", _TAKES, 400, 1.0, (6, 120)),
}  # fmt: skip
