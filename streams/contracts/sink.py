"""What every sink must do: the tests that ours pass, for a sink of yours."""

from __future__ import annotations

from typing import Any

import pytest
from siphonwatch.detector.verdicts.finding import Finding, encode
from siphonwatch.streams.contracts.samples import comes_true, findings, letters
from siphonwatch.streams.sinks.base import Sink


class SinkContract:
    """What holds for any sink.

    A class of tests derives from it, gives the fixture ``sink``, and says with ``delivered`` whom each finding was about that has
    arrived where the sink sends to, in their order.
    """

    @pytest.fixture
    def sink(self) -> Any:
        """An open sink that nothing was sent to; the tests close it."""
        raise NotImplementedError("give the fixture `sink`")

    def delivered(self, sink: Sink) -> list[str]:
        """The subjects (account or campaign) of what has arrived."""
        raise NotImplementedError("say what has arrived")

    def arrives(self, sink: Sink, sent: list[Finding]) -> None:
        """Assert that ``sent`` arrives, nothing more, and in this order."""
        wanted = [finding.subject for finding in sent]
        comes_true(lambda: len(self.delivered(sink)) >= len(wanted))
        assert self.delivered(sink) == wanted

    def test_every_kind_of_finding_arrives_in_order(self, sink: Sink) -> None:
        sent = findings()
        sink.verdicts([encode(finding) for finding in sent])
        self.arrives(sink, sent)
        sink.close()

    def test_findings_of_later_ticks_come_after_those_of_earlier_ones(self, sink: Sink) -> None:
        sent = findings()
        for finding in sent:
            sink.verdicts([encode(finding)])
        sink.close()
        self.arrives(sink, sent)

    def test_what_comes_again_after_an_error_is_taken_again(self, sink: Sink) -> None:
        sent = findings()[:1]
        sink.verdicts([encode(finding) for finding in sent])
        sink.verdicts([encode(finding) for finding in sent])
        comes_true(lambda: len(self.delivered(sink)) >= 1)
        assert {*self.delivered(sink)} == {sent[0].subject}, "twice or once, as the sink likes: the id is the same"
        sink.close()

    def test_nothing_and_dead_letters_are_taken_in_any_number(self, sink: Sink) -> None:
        sink.verdicts([])
        for count in (0, 1, 100):
            sink.dead(letters(count))
        assert self.delivered(sink) == [], "a dead letter is no finding"
        sink.close()
