"""Findings as other systems read them, checked by their own libraries; and how they get there: each once, tried again, never in the way."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pycef
import pytest
import stix2
from siphonwatch.detector.verdicts.finding import Finding, encode
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sinks import open_sink, with_desk
from siphonwatch.streams.sinks.cef import cef
from siphonwatch.streams.sinks.ecs import ecs
from siphonwatch.streams.sinks.sending import Refused, SendingSink
from siphonwatch.streams.sinks.siem import ElasticSink, SplunkSink
from siphonwatch.streams.sinks.slack import message
from siphonwatch.streams.sinks.stix import stix
from stix2validator import ValidationOptions, validate_string
from syslog_rfc5424_parser import SyslogMessage

from tests.services.process import wait_until
from tests.unit.streams.sinks.test_sinks import ACCOUNT, FINDINGS, WHY, Receiver

ROOT = Path(__file__).parents[4]
DESK = "https://desk.example/"
HOSTILE = msgspec.structs.replace(
    ACCOUNT, account_id="a|b=c\\d\n'<!channel>` e", reasons=[msgspec.structs.replace(WHY, text='said "x=1|2"\r\n<b>& \\')]
)
ALL: list[Finding] = [*FINDINGS, HOSTILE]
IDS = ["account", "clear again", "campaign", "limits", "hostile"]


@pytest.mark.parametrize("finding", ALL, ids=IDS)
def test_stix_is_valid_by_the_standards_own_tools(finding: Finding) -> None:
    made = stix(encode(finding), DESK).decode()
    found = validate_string(made, ValidationOptions(version="2.1"))
    assert found.is_valid, [str(error) for each in found.object_results for error in each.errors]
    bundle = stix2.parse(made, allow_custom=False)
    kinds = [one["type"] for one in bundle["objects"]]
    assert ("campaign" if finding.campaign else "indicator") in kinds
    assert stix(encode(finding), DESK).decode() == made, "the same objects, wherever it arrives"


@pytest.mark.parametrize("finding", ALL, ids=IDS)
def test_cef_reads_back_as_it_was(finding: Finding) -> None:
    line = cef(encode(finding), DESK).decode()
    assert "\n" not in line
    assert "\r" not in line
    read = pycef.parse(line)
    assert read["DeviceVendor"] == "siphonwatch"
    assert read["externalId"] == finding.id.replace("\n", "\\n") or "\n" in finding.id
    assert int(read["cnt"]) == finding.requests
    assert 0 <= int(read["DeviceSeverity"]) <= 10
    assert read["request"].startswith(DESK)


def test_cef_escapes_by_the_standard() -> None:
    line = cef(encode(HOSTILE)).decode()
    assert r"suid=a|b\=c\\d\n'<!channel>` e" in line
    assert r'msg=said "x\=1|2"\r\n<b>& \\' in line


def test_ecs_meets_elastics_own_types() -> None:
    home = ROOT / ".cache" / "grafana"
    compiler = home / "node_modules" / ".bin" / "tsc"
    assert (home / "node_modules" / "@elastic" / "ecs").exists(), "no Elastic schema: run `make services`"
    loose = (
        "import type { EcsBase, EcsEvent, EcsObserver, EcsRule, EcsThreat, EcsRelated, EcsUser, EcsGroup, EcsEcs } from '@elastic/ecs';\n"
        "type Event = EcsBase & { ecs: EcsEcs; event: EcsEvent; observer: EcsObserver; rule: EcsRule; threat: EcsThreat;\n"
        "  related?: EcsRelated; user?: EcsUser; group?: EcsGroup };\n"
    )
    check = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")

    def compiled(events: list[str]) -> subprocess.CompletedProcess[str]:
        (home / "ecs.ts").write_text(loose + f"export const events: Event[] = [{','.join(events)}];\n")
        return subprocess.run([str(compiler), *check, str(home / "ecs.ts")], capture_output=True, text=True, timeout=120, check=False)

    events = [ecs(encode(one), DESK).decode() for one in ALL]
    done = compiled(events)
    assert done.returncode == 0, done.stdout
    assert "dataset_" in compiled([events[0].replace('"dataset":', '"dataset_":')]).stdout


def test_a_link_leads_to_the_desks_page_and_no_name_can_leave_it() -> None:
    assert json.loads(ecs(encode(ACCOUNT), DESK))["event"]["url"] == "https://desk.example/account?id=acct_1"
    assert json.loads(ecs(encode(FINDINGS[2]), DESK))["event"]["url"] == "https://desk.example/campaign?name=campaign-2"
    assert "account?id=a%7Cb%3Dc%5Cd%0A%27%3C%21channel%3E%60%20e" in ecs(encode(HOSTILE), DESK).decode()
    assert "url" not in json.loads(ecs(encode(ACCOUNT)))["event"]
    assert with_desk("syslog://h:1?format=cef", DESK) == "syslog://h:1?format=cef&desk=https%3A%2F%2Fdesk.example%2F"
    assert with_desk("log:", DESK) == "log:"
    assert with_desk("theirs://x", DESK) == "theirs://x"


def test_slack_is_told_of_what_rose_and_no_name_calls_anybody() -> None:
    told = [json.loads(message(encode(one), DESK) or b"null") for one in ALL]
    assert [one is not None for one in told] == [True, False, True, False, True]
    assert "<https://desk.example/account?id=acct_1|acct_1>" in told[0]["text"]
    text = told[4]["text"]
    assert "<!channel>" not in text
    assert "&lt;!channel&gt;" in text
    assert "&lt;b&gt;&amp;" in text


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver([])
    yield made
    made.shutdown()
    made.server_close()


def host(receiver: Receiver) -> str:
    return receiver.url.removeprefix("http://").split("/")[0]


def sent(sink: SendingSink, findings: list[Finding]) -> None:
    sink.verdicts([encode(one) for one in findings])
    sink.close()
    assert sink.lost == 0


def test_splunk_gets_events_one_after_the_other_with_its_token(receiver: Receiver) -> None:
    sink = open_sink(f"splunk+http://:the-token@{host(receiver)}?index=security")
    sent(sink, [*ALL, ACCOUNT])  # type: ignore[arg-type]
    headers = {name.lower(): value for name, value in receiver.taken[0][0].items()}
    assert headers["authorization"] == "Splunk the-token"
    events = [json.loads(line) for _, body in receiver.taken for line in body.splitlines()]
    assert [one["fields"]["finding_id"] for one in events] == [one.id for one in ALL], "each once"
    assert {one["index"] for one in events} == {"security"}
    assert events[0]["event"] == json.loads(encode(ACCOUNT))
    with pytest.raises(UsageError, match="token"):
        open_sink("splunk+https://host:8088")


def test_elasticsearch_gets_pairs_of_lines_and_what_was_there_stays(receiver: Receiver) -> None:
    sink = open_sink(f"elasticsearch+http://:a-key@{host(receiver)}/findings?desk={DESK}")
    sent(sink, ALL)  # type: ignore[arg-type]
    headers, body = receiver.taken[0][0], b"".join(body for _, body in receiver.taken)
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == "ApiKey a-key"
    assert body.endswith(b"\n")
    lines = [json.loads(line) for line in body.splitlines()]
    assert [one["create"]["_id"] for one in lines[::2]] == [one.id for one in ALL]
    assert all("@timestamp" in one for one in lines[1::2])
    with pytest.raises(UsageError, match="index"):
        open_sink("elasticsearch+https://host:9200")


def test_a_bulk_answer_is_looked_into() -> None:
    sink = ElasticSink("http://127.0.0.1:1", "i", {}, ecs)
    sink.answered(b'{"items":[{"create":{"status":201}},{"create":{"status":409}}]}')
    assert sink.lost == 0
    sink.answered(b'{"items":[{"create":{"status":400}},{"create":{"status":201}}]}')
    assert sink.lost == 1
    with pytest.raises(Refused, match="bulk"):
        sink.answered(b"<html>")
    with pytest.raises(OSError, match="now"):
        sink.answered(b'{"items":[{"create":{"status":429}}]}')
    sink.close()


def test_slack_gets_a_post_a_finding(receiver: Receiver) -> None:
    sink = open_sink(f"slack+http://{host(receiver)}/services/T/B/x?desk={DESK}")
    sent(sink, ALL)  # type: ignore[arg-type]
    assert len(receiver.taken) == 3
    assert all(json.loads(body)["text"] for _, body in receiver.taken)


def datagrams(server: socket.socket, count: int) -> list[bytes]:
    server.settimeout(30)
    return [server.recv(65_535) for _ in range(count)]


def test_syslog_over_udp_is_rfc_5424() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        sink = open_sink(f"syslog://127.0.0.1:{server.getsockname()[1]}")
        sent(sink, FINDINGS)  # type: ignore[arg-type]
        for finding, raw in zip(FINDINGS, datagrams(server, len(FINDINGS)), strict=True):
            read = SyslogMessage.parse(raw.decode())
            assert (read.appname, read.msgid) == ("siphonwatch", "finding")
            assert read.sd["siphonwatch@32473"]["id"] == finding.id
            assert pycef.parse(read.msg)["externalId"] == finding.id


def test_syslog_over_tcp_counts_octets_and_comes_back_after_a_break() -> None:
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection, connection.makefile("rb") as stream:
                    while (length := b"".join(iter(lambda: stream.read(1), b" "))[:9]) and length.isdigit():
                        taken.append(stream.read(int(length)))
                        if len(taken) == 1:
                            break  # the first connection ends after one message

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        sink = open_sink(f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}?format=native")
        sink.verdicts([encode(ALL[0])])
        wait_until(lambda: len(taken) == 1, 10, "the first message")
        sink._socket.close()  # type: ignore[attr-defined]
        sink.verdicts([encode(one) for one in ALL[1:]])
        sink.close()
        wait_until(lambda: len(taken) == len(ALL), 10, "the others over a new connection")
    assert [json.loads(SyslogMessage.parse(raw.decode()).msg)["kind"] for raw in taken] == [json.loads(encode(one))["kind"] for one in ALL]


class Odd(SendingSink):
    """A receiver that answers as it is told."""

    def __init__(self, answers: list[Callable[[], None]]) -> None:
        self.answers, self.got = answers, []  # type: ignore[var-annotated]
        super().__init__("odd", lambda finding: finding, pause=0.001)

    def deliver(self, batch: list[tuple[str, bytes]]) -> None:
        if self.answers:
            self.answers.pop(0)()
        self.got += [name for name, _ in batch]


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_what_fails_is_tried_again_and_what_is_refused_is_not() -> None:
    again = Odd([failing(OSError()), failing(OSError())])
    again.verdicts([encode(ACCOUNT)])
    again.close()
    assert (again.got, again.lost) == ([ACCOUNT.id], 0)
    refused = Odd([failing(Refused("no"))])
    refused.verdicts([encode(ACCOUNT)])
    refused.close()
    assert (refused.got, refused.lost) == ([], 1)


def test_a_receiver_that_is_away_keeps_nobody_waiting() -> None:
    sink = SplunkSink("http://127.0.0.1:1", "t", "", lambda finding: finding, pause=0.001)
    findings = [encode(msgspec.structs.replace(ACCOUNT, tick=number)) for number in range(5000)]
    sink.verdicts(findings)
    sink.close()
    assert 0 < sink.lost <= 5000


@pytest.mark.parametrize("url", ["syslog:///x", "slack+https:///x", "syslog://h?format=odd", "splunk+https://:t@h?format=cef"])
def test_a_wrong_address_says_what_is_wrong(url: str) -> None:
    with pytest.raises(UsageError):
        open_sink(url)
