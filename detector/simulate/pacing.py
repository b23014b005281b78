"""When requests are sent: by people, by their products, by scripts that wait for answers, by the clock."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

DAY = 86_400.0
PACES = ("sessions", "users", "office", "closed", "cron", "nightly", "burst", "drip")
LOOPS = ("closed", "burst")  # the next is sent when the last was answered

# how awake people are in each hour of their day
_WAKING = (0.05, 0.02, 0.01, 0.01, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1, 1, 0.9, 0.9, 1, 1, 0.9, 0.8, 0.7, 0.7, 0.7, 0.6, 0.4, 0.2)


@dataclass(slots=True)
class Pace:
    """One account's or campaign's habit in time; times are seconds since the epoch, ``zone`` hours from UTC."""

    kind: str
    start: float
    end: float
    zone: float = 0.0
    weekend: float = 1.0  # load of a Saturday against a Monday
    lanes: int = 1  # requests in flight of a closed loop
    pause: float = 0.3  # seconds between an answer and the next question of a script
    gap: float = 60.0  # seconds a person thinks before the next turn
    sitting: float = 4.0  # conversations of one sitting

    @property
    def loops(self) -> bool:
        """Whether the next start depends on the last answer."""
        return self.kind in LOOPS

    def awake(self, at: float, floor: float = 0.0) -> float:
        """How likely people are to be there at a time, in [0, 1]."""
        local = at + self.zone * 3600
        week = self.weekend if int(local // DAY) % 7 in (2, 3) else 1.0  # 1970 began on a Thursday
        return max(_WAKING[int(local / 3600) % 24] * week, floor)

    def starts(self, rng: random.Random, count: int) -> list[float]:
        """Sorted start times of ``count`` conversations, for what does not wait for answers."""
        if self.kind == "sessions":
            return self._sittings(rng, count)
        if self.kind == "cron":
            step = max(self.end - self.start, 1.0) / count
            step = max(step, 1.0) if rng.random() < 0.5 else min((n for n in (10, 60, 300, 900, 3600) if n >= step), default=step)
            return [self.start + number * step + rng.random() * 2 for number in range(count)]
        if self.kind == "nightly":
            return self._nights(rng, count)
        span = self.end - self.start
        floor = {"users": 0.08, "office": 0.0, "drip": 1.0 if rng.random() < 0.6 else 0.0}[self.kind]
        found: list[float] = []
        while len(found) < count:
            at = self.start + rng.random() * span
            hour = ((at / 3600) + self.zone) % 24
            kept = (9 <= hour < 18) * self.awake(at) if self.kind == "office" else self.awake(at, floor)
            if rng.random() < kept + 0.01:
                found.append(at)
        return sorted(found)

    def _sittings(self, rng: random.Random, count: int) -> list[float]:
        found: list[float] = []
        while len(found) < count:
            at = self.start + rng.random() * (self.end - self.start)
            if rng.random() > self.awake(at) + 0.003:
                continue
            for _ in range(min(1 + int(rng.expovariate(1 / self.sitting)), count - len(found))):
                found.append(at)
                at += rng.expovariate(1 / (self.gap * 4)) + 5
        return sorted(found)

    def _nights(self, rng: random.Random, count: int) -> list[float]:
        hour = rng.random() * DAY
        nights = max(int((self.end - self.start) // DAY), 1)
        each = math.ceil(count / nights)
        rate = rng.choice((0.3, 1.0, 3.0, 10.0))
        begins = [self.start + night * DAY + hour for night in range(nights)]
        return [begin + (number + rng.random()) * rate for begin in begins for number in range(each)][:count]

    def lanes_open(self, rng: random.Random) -> list[float]:
        """When each lane of a closed loop begins."""
        if self.kind == "burst":
            begin = self.start + rng.random() * max(self.end - self.start - 3600, 0.0)
            return [begin + lane * 0.2 for lane in range(self.lanes)]
        begin = self.start + rng.random() ** 2 * (self.end - self.start) * 0.5
        return [begin + lane * 0.2 for lane in range(self.lanes)]
