"""The numbers that steer detection, in one table, each with its reason.

Event times and spans are milliseconds where the name ends in ``_ms``, and evidence is in natural-log odds.
Changing a number changes verdicts: keep one set for a deployment and its replays.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from siphonwatch.detector.ranges import Count, Height, Odds, Part, Range, Scale, Share, Some, Span, Wait, Weight, check

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
BOUNDS = frozenset({"accounts_most", "link_most", "queue_most"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are what the README's figures were measured with. ``ValueError`` names a number that is out of its range."""

    # -- event time
    tick_ms: Span = 15 * MINUTE_MS
    """Accounts are judged this often. Shorter finds sooner and costs one judging of the active accounts more; at a
    harvester's 65 requests an hour, 15 minutes let 16 more answers go."""
    lateness_ms: Wait = MINUTE_MS
    """A tick is judged when the log's clock is this far past its end. Gateways flush their logs within seconds; an event
    that is later still is counted with the next tick, in the hour it belongs to."""
    ahead_ms: Wait = DAY_MS
    """An event this far ahead of Kafka's own time of its record comes from a broken clock. Zones that are off by hours pass."""
    behind_ms: Wait = 8 * DAY_MS
    """An event this far behind the log's clock is older than what a state remembers of the week before."""
    leap_ms: Wait = 6 * HOUR_MS
    """Events further than this ahead of all others are clocks astray until there are enough of them: nights are shorter, or as empty ..."""
    leap_requests: Some = 8
    """... and so many events after a leap, or a hundredth of all, are the log going on after a pause."""
    duplicate_ticks: Count = 2
    """A request id seen in the open ticks or in so many before them is a second delivery."""

    # -- population
    epoch_ms: Span = HOUR_MS
    """What accounts looked like in one epoch becomes part of the population that judges the next."""
    population_floor: Weight = 8.0
    """Requests before an account counts as part of the population: below, every account is one question long."""
    population_keep: Annotated[int, Range(0, 64)] = 63
    """Of 64 parts of what earlier epochs counted, how many an epoch keeps: a memory of about two and a half days."""
    reference_accounts: Some = 400
    """The shipped reference population weighs as much as so many accounts: it leads a cold start and then fades."""

    # -- judging
    judged_floor: Weight = 5.0
    """Requests before an account is judged at all: nobody can be accused on four questions."""
    flag_odds: Height = 1.3
    """Evidence at which an account is flagged where the stream does not ask for more. Set on the simulator, so that its
    innocents stay under one false alarm in a thousand."""
    block_margin: Scale = 2.0
    """Evidence over the flag at which the level is block: seven times the odds."""
    watch_margin: Scale = 1.5
    """Evidence under the flag at which the level is watch."""
    calm_ms: Wait = DAY_MS
    """Time under a level before it is left again: a harvester that rests a night stays throttled."""
    false_alarms: Part = 0.00075
    """Share of innocent judged accounts that may be flagged over all time by themselves: about half of the accounts ask often enough to be
    judged, and campaigns may err too."""
    tail_from: Part = 0.80
    """The tail is read from this quantile of the judged accounts' evidence ..."""
    tail_to: Part = 0.94
    """... to this one: what lies above may be harvesters, up to one account in twenty and a little."""
    tail_accounts: Some = 200
    """Judged accounts before the stream's own tail is trusted."""
    flag_range: Odds = 3.0
    """How far the stream's tail may move the flag from its shipped height. Hands differ by as much: held to 2.0, one stream that the
    prior had not seen stood at that bound, where its own tail allowed three times the flags of single accounts."""

    drift_odds: Odds = 0.3
    """What the flag is raised by while the whole population moves: caution instead of a flood."""

    # -- bounds
    accounts_most: Annotated[int, Range(256)] = 500_000
    """Accounts that are kept, about 1.2 GB of them. Beyond, the least suspicious are let go, in each of 256 shards by itself; a provider
    with more of them in two weeks raises it."""
    link_most: Some = 50_000
    """Accounts among which links are sought: all, as long as they are no more; else half of them the strongest, half a fair sample."""
    queue_most: Some = 20_000
    """Accounts that the review queue is chosen from, the strongest."""

    # -- campaigns
    link_ms: Span = 3 * HOUR_MS
    """Accounts are linked this often: an account of a slow hydra asks twice in that time, and linking looks at everybody."""
    link_least: Annotated[int, Range(2)] = 3
    """Accounts that make a campaign."""
    group_reach: Odds = 2.5
    """How far under its height a group is still watched: it ranks its members before others, and flags nobody."""
    group_tied: Share = 0.25
    """What binds a group, at least: owners, or days of sign-up of its own. With less it is a crowd, as people on one template are ..."""
    group_own: Share = 0.75
    """... unless its members look like harvests by themselves, so far of the way to the flag."""
    crowd_apart: Odds = 3.0
    """What it takes more for a crowd to be flagged: on six streams of as many hands no innocent crowd came further than 2.7 ..."""
    crowd_order: Scale = 1.5
    """... and from so far under the height on crowds rise more slowly towards theirs, so that they keep their order."""
    crowd_words: Share = 0.5
    """What counts of a ruling for harvest on one of such a crowd: in full dozens of developers followed five who posed as such ..."""
    crowd_few: Scale = 8.0
    """... and the size from which on it says less of all, by the logarithm: three of sixty say nothing of the others."""
    group_growth: Odds = 1.0
    """How much less it takes of a group of which a part is flagged to be a campaign: at 2.0 innocents were drawn in ..."""
    group_known: Share = 0.2
    """... and the share of its members that must be: a tenth drew in a hackathon around a harvester."""
    group_under: Annotated[float, Range(0.01, 1)] = 0.6
    """What counts of each log-odd that a group is below its height: hands differ in how far their groups reach more than in their order, so
    that a group may be well below a height that was set by others' and be a campaign all the same."""
    group_over: Odds = 0.5
    """What a campaign lends its members over the flag beside its strength: of those flagged through one more are harvesters than of single
    accounts just over the flag, so they come before them."""
    group_apart: Odds = 0.4
    """Log-odds between the least that a campaign lends and the most that a watched group does, whose members are never over even odds."""
    organization_under: Odds = 1.0
    """Evidence under the flag at which the accounts of one organisation are a campaign by what they would be as one account, where they
    are parts of one whole: among dozens of customers a height that thousands of accounts set is high."""
    organization_apart: Odds = 4.0
    """What they lose where they are not: an office of twenty stood 1.4 over the flag as one account and an agency 1.7 ..."""
    organization_alike: Scale = 0.5
    """... and how like random parts of one whole they are for losing none of it: offices and agencies came to a tenth."""
    weak_odds: Odds = 2.0
    """What a member without ties would lose of its campaign's evidence; half of it at a quarter of the middle member's, none from half."""
    loose_odds: Odds = 1.0
    """What a looser group's further members lose for each log-odd by which it is weaker than the tight group inside it: they made it so."""
    unlike_quantile: Share = 0.2
    """A member whose own evidence is less than that of this share of the group ..."""
    unlike_reach: Odds = 1.5
    """... by more than this loses what it is below: an innocent behind a hydra's address does not look like its accounts."""
    campaigns_most: Count = 1000
    """Campaigns remembered, the strongest: a provider has some dozens."""
    campaign_growth: Annotated[float, Range(1)] = 1.25
    """A campaign is told of again when it has so many times the members that it was last told of with."""

    # -- rulings and the review queue
    behaviour_radius: Scale = 1.0
    """Distance of two accounts' inputs from which they show two behaviours: one card each in the queue. With 0.7 an analyst saw the
    same harvest three times, with 1.3 whole kinds had no card."""
    queue_reach: Odds = 4.0
    """Evidence under the flag down to which an account may be a card: below, nobody would be flagged by what is learned of it."""
    queue_cards: Count = 200
    """Cards at most: more than a team rules on in a week."""
    prior_pull: Scale = 1.0
    """How firmly weights are held near the prior's: one ruling moves them by a few tenths, thirty may remake them."""
    resemblance_width: Scale = 1.0
    """Distance at which resemblance to a ruled account has fallen to six tenths: its behaviour, and little beyond."""
    resemblance_pull: Scale = 0.1
    """How firmly resemblance is held near nothing: a single ruling adds two to three to the log-odds of its like."""
    analyst_errs: Annotated[float, Range(0.001, 0.49)] = 0.1
    """Share of rulings that are taken to be wrong, as analysts err about one in ten: what contradicts strong evidence counts less, and no
    ruling by itself says more than nine to one of the group that its account is in."""
    words_most: Weight = 2.0
    """How many rulings on members of a group count at most, as it is asked about until two agree: with all of them, strangers whom a
    campaign had drawn in stood above every other harvest ..."""
    words_behind: Odds = 1.0
    """... and how far a member may be behind the strongest of its group before a word for harvest says less of it."""
    innocents_count: Weight = 20.0
    """What all accounts below the watch level count together as innocents that nobody had to label."""
    innocents_seen: Count = 4000
    """How many of them are looked at, at most; those of the smallest hashes."""

    # -- rate limits
    hugging_minutes: Some = 120
    """Minutes within a tenth of the limit before it is a habit: two hours of it; a nightly batch on a small plan has one."""
    edges: Some = 20
    """Window edges that were straddled with more than the limit: by chance a client at its limit does it a few times a day."""
    combined_minutes: Some = 30
    """Minutes in which a campaign took more than one of its accounts may: less is a coincidence of bursts."""
    hand_overs: Some = 10
    """Minutes in which a refusal was followed by another member's rise ..."""
    hand_over_share: Share = 0.7
    """... out of all minutes with refusals: busy siblings rise in half of all minutes anyway."""

    # -- models
    release_ms: Wait = 3 * DAY_MS
    """A model is new for so long after the first request to it; a switch that is older than that is anybody's."""
    release_quiet_ms: Wait = 6 * HOUR_MS
    """Models met so soon after the log's start were there before."""
    models_known: Count = 256
    """Models remembered, the newest: a provider has some dozens, and names are the client's to choose."""

    def __post_init__(self) -> None:
        check(self)
        if self.tail_from >= self.tail_to:
            raise ValueError(f"tail_from is {self.tail_from}, and must be less than tail_to, which is {self.tail_to}")

    @property
    def identity(self) -> str:
        """What must be the same for states and context to mean the same: all but the bounds, which may be raised at any time."""
        return repr({name: value for name, value in asdict(self).items() if name not in BOUNDS})


DEFAULT = Settings()
