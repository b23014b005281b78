"""From a behaviour and its accounts to requests: conversations, their histories, their answers, and the gateway's record of them."""

from __future__ import annotations

import math
import random
from heapq import heapify, heapreplace

from siphonwatch.detector.request.request import Message, Request, Usage
from siphonwatch.detector.simulate.behaviour import Behaviour
from siphonwatch.detector.simulate.hand import Hand
from siphonwatch.detector.simulate.members import Member, Picker
from siphonwatch.detector.simulate.pacing import DAY
from siphonwatch.detector.simulate.parameters import swept
from siphonwatch.detector.simulate.text import roughen
from siphonwatch.detector.simulate.works import Item

_RETRIES = 3  # after a refusal by the limit


class Player:
    """Plays one behaviour on its accounts."""

    def __init__(self, hand: Hand, rng: random.Random, behaviour: Behaviour, pick: Picker) -> None:
        self.hand, self.rng, self.of, self.pick = hand, rng, behaviour, pick
        self.made, self.refused = 0, False
        costume = behaviour.costume.worn
        self.agents, self.sessions = "agents" in costume, "sessions" in costume
        self.one_id = f"req_{rng.getrandbits(32):08x}" if "ids" in costume else ""

    def run(self) -> None:
        """Until the behaviour's requests are made, its list is empty, or its time is over."""
        of, pace, rng = self.of, self.of.pace, self.rng
        if not pace.loops:
            per = max(of.count / {"single": 1.0, "talk": 2.2, "script": float(of.scripted), "agent": 6.0}[of.shape], 1.0)
            for at in pace.starts(rng, math.ceil(per)):
                item = of.law((at - self.hand.start) / DAY)
                if item is None or self.made >= of.count:
                    return
                self.converse(at, item)
            return
        lanes = pace.lanes_open(rng)
        heapify(lanes)
        while self.made < of.count and lanes[0] < pace.end:
            item = of.law((lanes[0] - self.hand.start) / DAY)
            if item is None:
                return
            end = self.converse(lanes[0], item)
            heapreplace(lanes, end + pace.pause * rng.random() * 2 + 0.02)

    # ------------------------------------------------------------------------------------- conversations

    def converse(self, at: float, item: Item) -> float:
        """One conversation about an item from time ``at`` on; when its last answer was there."""
        of, rng, topic = self.of, self.rng, item.topic
        one = self.pick(at, self.refused)
        user = self._user()
        system = self._system(user)
        session = f"sess_{rng.getrandbits(40):010x}" if one.sessions == "conversation" or self.sessions else None
        if self.sessions:
            session = of.user_names[0] if of.user_names else "sess_0"
        history: list[Message] = []
        turns = self._turns()
        text = item.text
        address = self._address(one)
        for turn in range(turns):
            tool = of.shape == "agent" and turn > 0
            if of.rough and not tool:
                text = roughen(text, rng, of.rough)
            written = text if tool else of.costume.text(text)
            now = Message("tool" if tool else "user", written)
            tokens = item.answer if not turn else (60.0 if tool else 140.0)
            more = turn + 1 < turns
            end, answer = self._send(one, at, item, system, history, now, tokens, user, session, address, more)
            if not more or self.refused:
                return end
            edited = "" if one.true_answers else of.writer.document(topic, 12)
            shown = edited + answer[len(edited) :]
            history += (now, Message("assistant", shown if of.shape != "agent" else f"call {topic.words[0]}({shown})"))
            at = end + self._wait()
            text = self._next(item, turn)
        return end

    def _turns(self) -> int:
        of, rng = self.of, self.rng
        if of.shape == "single":
            return 1
        if of.shape == "script":
            return of.scripted
        turns, chance = 1, of.turns if of.shape == "talk" else 0.84
        while rng.random() < chance and turns < 40:
            turns += 1
        return turns

    def _next(self, item: Item, turn: int) -> str:
        of, rng = self.of, self.rng
        if of.shape == "agent":
            return f"exit {int(rng.random() * 2)}: {of.writer.document(item.topic, 5 + int(rng.random() ** 3 * 200))}"
        if of.shape == "script" and rng.random() < 0.6:
            return of.writer.ask(item.topic)
        if rng.random() < 0.06:
            return item.text
        return of.writer.follow_up(item.topic) + (" " + of.writer.word(item.topic) if turn % 2 else "")

    def _wait(self) -> float:
        of, rng = self.of, self.rng
        people = of.shape == "talk" and not of.pace.loops
        return rng.expovariate(1 / of.pace.gap) + 2 if people else rng.random() * 2 * min(of.pace.pause + 0.1, 5.0)

    def _user(self) -> str | None:
        of, rng = self.of, self.rng
        if of.users == "none":
            return None
        if of.users == "zipf":
            return rng.choices(of.user_names, cum_weights=of.user_weights)[0]
        return of.user_names[0] if of.users == "constant" else f"u{rng.getrandbits(32)}"

    def _system(self, user: str | None) -> str | None:
        of = self.of
        if of.system == "none":
            return None
        if of.system == "one":
            return of.systems[0]
        if of.system == "by_user" and user:
            return of.systems[sum(user.encode()) % len(of.systems)] + f" You talk to {user}."
        if of.system == "ever_new":
            return of.writer.system(of.home[0]) + " " + of.writer.word(of.home[0])
        return of.systems[int(self.rng.random() * len(of.systems))]

    def _address(self, one: Member) -> str:
        who = one.identity
        if not who.current or self.rng.random() < who.roams:
            who.current = who.addresses[int(self.rng.random() * len(who.addresses))]
        return who.current

    # ------------------------------------------------------------------------------------------ requests

    def _send(
        self, one: Member, at: float, item: Item, system: str | None, history: list[Message], now: Message, tokens: float,
        user: str | None, session: str | None, address: str, more: bool,
    ) -> tuple[float, str]:  # fmt: skip
        """Send one request, again where the limit refuses it; (when it was answered, the answer)."""
        of, hand, rng = self.of, self.hand, self.rng
        messages = [*([Message("system", system)] if system else ()), *history, now]
        shown = of.costume.dress(_cut(messages, one.cut) if history and one.cut else messages)
        letters = 24
        for message in messages:
            letters += len(message.content or "") + 12
        tokens_in = int(letters / item.topic.letters) + 1
        asked = of.asked[0] if len(of.asked) == 1 else of.asked[int(rng.random() * len(of.asked))]
        if of.swept:
            asked = swept(rng, asked)
        wanted = int(math.exp(rng.gauss(math.log(tokens * of.length + 0.5), of.spread if item.form == "prose" else of.spread / 2))) + 1
        room = asked.max_tokens or 32_000
        out = min(wanted, room)
        model = of.models[0] if len(of.models) == 1 else of.models[int(rng.random() * len(of.models))]
        model = hand.market.newest if at >= of.moves_at else model
        answer = of.writer.answer(item.text if not history else str(now.content), item.topic, out) if more or one.respond else ""
        for attempt in range(_RETRIES):
            self.refused = rng.random() < hand.refusals or (hand.enforced and self._over(one, at))
            if not self.refused:
                break
            self._record(one, at, shown, asked, model, tokens_in, 0, 429, None, 40.0, user, session, address, None)
            if not of.pace.loops or attempt + 1 == _RETRIES:
                return at + 1, answer
            at = (at // 60 + 1) * 60 + rng.random() * 5
        chance = rng.random()
        status, finish = (
            (500 if chance < hand.errors / 2 else 400, None) if chance < hand.errors else (200, "length" if wanted > room else "stop")
        )
        if 1 - chance < hand.filtered:
            finish = "content_filter"
        out = 0 if status != 200 else out * (asked.n or 1)
        latency = (180 + out / (asked.n or 1) * hand.market.speed[model] + tokens_in * 0.05) * (0.7 + 0.6 * rng.random())
        given = answer[:4000] if one.respond and out and rng.random() < one.respond else None
        self._record(one, at, shown, asked, model, tokens_in, out, status, finish, latency, user, session, address, given)
        return at + latency / 1000, answer

    def _over(self, one: Member, at: float) -> bool:
        """Whether a request at that time is over the account's limit."""
        minute = int(at // 60)
        if minute != one.minute:
            one.minute, one.in_minute = minute, 0
        one.in_minute += 1
        return one.in_minute > one.identity.rpm

    def _record(
        self, one: Member, at: float, messages: list[Message], asked: object, model: str, tokens_in: int, tokens_out: int, status: int,
        finish: str | None, latency: float, user: str | None, session: str | None, address: str, response: str | None,
    ) -> None:  # fmt: skip
        if not self.hand.start <= at < self.hand.end:
            return
        self.made += 1
        one.sent += 1
        who, logged, rng = one.identity, one.logged, self.rng
        agents = who.agents
        one.requests.append(
            Request(
                request_id=self.one_id or f"req_{rng.getrandbits(64):016x}",
                timestamp=round(at, 3),
                account_id=who.account,
                model=model,
                organization_id=who.organization if "organization" in logged else None,
                api_key_id=who.key if "key" in logged else None,
                end_user_id=user,
                session_id=session,
                source_ip=address if "addresses" in logged else None,
                user_agent=(f"{agents[0]} {rng.getrandbits(6)}" if self.agents else agents[0]) if "agents" in logged else None,
                country=who.country if "country" in logged else None,
                asn=who.asn if "country" in logged else None,
                payment_fingerprint=who.payment if "payment" in logged else None,
                account_created_at=int(who.created) if "created" in logged else None,
                rate_limit_rpm=who.rpm if "limits" in logged else None,
                rate_limit_tpm=who.rpm * 400 if "limits" in logged else None,
                messages=messages if "messages" in logged else None,
                parameters=asked if "parameters" in logged else None,  # type: ignore[arg-type]
                usage=Usage(tokens_in, tokens_out),
                status=status,
                finish_reason=finish,
                latency_ms=round(latency) if "latency" in logged else None,
                response=response,
            )
        )


def _cut(messages: list[Message], how: int) -> list[Message]:
    """What a gateway logs of a long conversation: the last three messages, with or without the system prompt among them."""
    if how == 1 and messages[0].role == "system":
        return [messages[0], *messages[-2:]] if len(messages) > 3 else messages
    return messages[-3:]
