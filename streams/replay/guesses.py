"""What a path of an unknown log may hold: its name and its values vote for each field of a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.request.times import EARLIEST, LATEST


@dataclass(slots=True)
class Seen:
    """What stood at one path."""

    path: tuple[str, ...]
    values: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path in small letters without separators."""
        return re.sub(r"[^a-z0-9]", "", ".".join(self.path).lower())

    @property
    def last(self) -> str:
        """Its last step that is a name, likewise."""
        steps = [step for step in self.path if not step.lstrip("-").isdecimal()]
        return re.sub(r"[^a-z0-9]", "", steps[-1].lower()) if steps else ""

    def share(self, holds: Callable[[Any], bool]) -> float:
        """Share of its values of which something holds."""
        return sum(map(holds, self.values)) / max(len(self.values), 1)


Votes = Callable[[Seen], float]


def is_time(value: Any) -> bool:
    """Whether a value can be an event time."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, str) and len(value) < 10):
        return False
    try:
        return EARLIEST <= epoch_ms(value) <= LATEST
    except (ValueError, OverflowError, TypeError):
        return False


def _text(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 256


def _count(value: Any) -> bool:
    return (
        not isinstance(value, bool)
        and (isinstance(value, int | float) or (isinstance(value, str) and value.replace(".", "", 1).isdecimal()))
        and 0 <= float(value) < 1e8
    )


def is_turns(value: Any) -> bool:
    """Whether a value is a list of turns."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and ("role" in value[0] or "parts" in value[0])


def _is_body(value: Any) -> bool:
    if isinstance(value, dict) and isinstance(value.get("text"), str) and "sampling_params" in value:
        return True
    return (isinstance(value, dict) and any(is_turns(value.get(name)) for name in ("messages", "input", "contents"))) or (
        isinstance(value, dict) and isinstance(value.get("prompt"), str) and bool({"model", "temperature", "max_tokens"} & value.keys())
    )


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) and bool(
        {"choices", "candidates", "generation", "completion", "stop_reason", "usageMetadata"} & value.keys()
        or {"usage", "model"} <= value.keys()
    )


def _address(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]{3,}:[0-9a-fA-F:.]*)(:\d+)?", value))


def _status(value: Any) -> bool:
    return str(value).isdecimal() and 100 <= int(str(value)) < 600


def _string(value: Any) -> bool:
    return isinstance(value, str)


def _prose(value: Any) -> bool:
    return isinstance(value, str) and value[:1] not in "{["


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _asked(seen: Seen) -> float:
    """Turns that were asked, not those that were answered."""
    return 0.0 if re.search("output|response|answer", seen.name) else 0.95 - 0.05 * len(seen.path)


def _named(words: str) -> Callable[[Seen], float]:
    """How well a path's name fits one of ``words``, the best first: whole, as its end, or somewhere."""
    names = words.split()

    def vote(seen: Seen) -> float:
        for place, name in enumerate(names):
            best = 1.0 - place * 0.02
            if seen.last == name:
                return best - 0.03 * len(seen.path)
            if seen.name.endswith(name):
                return best - 0.1 - 0.03 * len(seen.path)
        return 0.6 - 0.05 * len(seen.path) if any(name in seen.last for name in names) else 0.0

    return vote


def _both(vote: Votes, holds: Callable[[Any], bool], without_name: float = 0.0) -> Votes:
    """A name's vote, where the values fit; values that say enough by themselves count a little without one."""
    return lambda seen: max(vote(seen), without_name) if seen.share(holds) > 0.9 else 0.0


_Rule = tuple[str, Votes, int]
RULES: tuple[_Rule, ...] = (  # field, votes, how many candidates are of use
    (
        "timestamp",
        _both(_named("timestamp time starttime startedat createdat requesttime created ts date at eventtime loggingtime"), is_time, 0.35),
        1,
    ),
    (
        "account_id",
        _both(
            _named(
                "accountid account customerid customer tenantid tenant apikeyid apikeyhash keyid apikey userid user requester "
                "caller client clientid consumer principal subscription organizationid teamid username subject"
            ),
            _text,
        ),
        3,
    ),
    ("request_id", _both(_named("requestid id traceid correlationid rid uuid callid"), _text), 1),
    ("model", _both(_named("model modelname modelid deployment engine modelgroup"), _text), 2),
    ("source_ip", _both(_named("sourceip clientip remoteaddr ip ipaddress address remoteip peer"), _address, 0.5), 1),
    ("user_agent", _both(_named("useragent agent"), _text), 1),
    ("status", _both(_named("status statuscode responsestatus code httpstatus"), _status), 1),
    (
        "prompt_tokens",
        _both(
            _named(
                "prompttokens inputtokens tokensin promptokens tokensprompt requnits prompttokencount inputtokencount "
                "tokensinput usageinput detailsinput"
            ),
            _count,
        ),
        1,
    ),
    (
        "completion_tokens",
        _both(
            _named(
                "completiontokens outputtokens tokensout tokenscompletion resunits candidatestokencount outputtokencount "
                "generatedtokens tokensoutput usageoutput detailsoutput"
            ),
            _count,
        ),
        1,
    ),
    ("cached_tokens", _both(_named("cachedtokens cachereadinputtokens cachedcontenttokencount"), _count), 1),
    ("latency_ms", _both(_named("latencyms durationms latency responsetime elapsedms delayms tookms duration elapsed took"), _count), 1),
    ("session_id", _both(_named("sessionid conversationid session threadid"), _text), 1),
    ("finish_reason", _both(_named("finishreason stopreason"), _text), 1),
    ("body", _both(lambda seen: 1.0 - 0.05 * len(seen.path), _is_body), 1),
    ("messages", _both(_asked, is_turns), 1),
    ("prompt", _both(_named("prompt question query inputtext userinput input message text"), _prose), 1),
    ("response", _both(lambda seen: 0.95 - 0.05 * len(seen.path), _is_answer), 1),
    ("response", _both(_named("response answer completion outputtext reply output"), _string), 1),
    ("parameters", _both(_named("parameters modelparameters params settings samplingparams options"), _object), 1),
    ("call", _both(_named("path uri endpoint operation calltype apimethod route"), _string), 1),
)
