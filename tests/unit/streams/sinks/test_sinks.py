"""Findings as others read them: OCSF, and signed webhooks that are tried again and are never in the way."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from siphonwatch.detector.verdicts.account import Reason, Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding, decode, encode
from siphonwatch.detector.verdicts.limits import LimitVerdict, reason
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sinks.file import FileSink
from siphonwatch.streams.sinks.forms import FORMS
from siphonwatch.streams.sinks.ocsf import event, ocsf
from siphonwatch.streams.sinks.webhook import WebhookSink
from standardwebhooks import Webhook

from tests.services.process import wait_until

WHY = Reason("varied_asks", 7.2, 1.0, 4.0, 2.1, "sent 146 self-contained questions that begin in different ways", "AML.T0024.002")
ACCOUNT = Verdict("acct_1", "throttle", "clear", 0.81, 1.45, 1.79e9, 7, 1.79e9, 61, 61, 4000, 4000, "campaign-2", [WHY])
FINDINGS: list[Finding] = [
    ACCOUNT,
    Verdict("acct_1", "clear", "watch", 0.81, 1.45, 1.79e9, 9, 1.79e9, 70, 61, 4100, 4000, None, [WHY], ["varied_asks"]),
    CampaignVerdict("campaign-2", "block", "throttle", 0.98, 3.9, 1.79e9, 8, 1.78e9, 2, ["acct_1", "acct_2"], {"payment": 5.0},
                    "the same payment", 122, 8000, [WHY]),
    LimitVerdict("acct_1", None, 1.79e9, 8, 61, [reason(0, 140, 60, 60)]),
]  # fmt: skip
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()


@pytest.mark.parametrize("finding", FINDINGS, ids=["account", "clear again", "campaign", "limits"])
def test_every_finding_is_a_valid_ocsf_detection_finding(finding: Finding) -> None:
    made = json.loads(ocsf(encode(finding)))
    read = DetectionFinding.model_validate(made)
    assert read.class_uid == 2004
    assert made["type_uid"] == 200_400 + made["activity_id"]
    assert read.finding_info.title
    assert made["finding_info"]["attacks"][0]["technique"]["uid"].startswith("AML.T")
    assert made["metadata"]["uid"] == finding.id


def test_ocsf_says_what_happened() -> None:
    created, closed, campaign, limits = map(event, FINDINGS)
    assert [each["activity_name"] for each in (created, closed, campaign, limits)] == ["Create", "Close", "Update", "Create"]
    assert [each["severity"] for each in (created, closed, campaign, limits)] == ["High", "Informational", "Critical", "Low"]
    assert [one["uid"] for one in campaign["resources"]] == ["acct_1", "acct_2"]
    assert created["finding_info"]["desc"] == WHY.text


def test_findings_come_back_from_json_as_what_they_were() -> None:
    assert [decode(encode(one)) for one in FINDINGS] == FINDINGS
    assert [json.loads(encode(one))["kind"] for one in FINDINGS] == ["account", "account", "campaign", "limits"]


def test_a_file_holds_one_finding_a_line_in_either_form(tmp_path: Path) -> None:
    for name, form in FORMS.items():
        FileSink(tmp_path / name, form).verdicts([encode(one) for one in FINDINGS])
        assert len((tmp_path / name).read_bytes().splitlines()) == len(FINDINGS)


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answers: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.taken = answers, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((dict(self.headers), body))  # type: ignore[attr-defined]
        answers = self.server.answers  # type: ignore[attr-defined]
        self.send_response(answers.pop(0) if answers else 204)
        self.send_header("content-length", "0")
        self.end_headers()


def sent(answers: list[int], finding: Finding, wanted: Callable[[Receiver, list[int]], bool]) -> tuple[Receiver, list[int]]:
    receiver, lost = Receiver(answers), []
    sink = WebhookSink(receiver.url, SECRET, FORMS["native"], lambda: lost.append(1), pause=0.05)
    sink.verdicts([encode(finding)])
    wait_until(lambda: wanted(receiver, lost), 20, "the webhook to be done")
    sink.close()
    receiver.shutdown()
    receiver.server_close()
    return receiver, lost


def test_a_webhook_is_signed_so_that_the_standards_own_library_accepts_it() -> None:
    receiver, lost = sent([], ACCOUNT, lambda each, _: len(each.taken) == 1)
    headers, body = receiver.taken[0]
    assert Webhook(SECRET).verify(body, headers)["account_id"] == "acct_1"
    assert decode(body) == ACCOUNT
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(body.replace(b"acct_1", b"acct_2"), headers)
    assert not lost


def test_a_failing_receiver_is_tried_again_with_the_same_id() -> None:
    receiver, lost = sent([503, 500, 429], ACCOUNT, lambda each, _: len(each.taken) == 4)
    assert len({headers["webhook-id"] for headers, _ in receiver.taken}) == 1
    assert not lost


def test_a_receiver_that_refuses_for_good_is_counted_and_left_alone() -> None:
    receiver, lost = sent([400], ACCOUNT, lambda _, each: bool(each))
    assert len(receiver.taken) == 1
    assert lost == [1]


def test_a_receiver_that_is_away_holds_nothing_up() -> None:
    lost: list[int] = []
    sink = WebhookSink("http://127.0.0.1:9/hook", SECRET, FORMS["native"], lambda: lost.append(1), pause=10)
    sink.verdicts([encode(ACCOUNT)] * 1500)  # returns, though the receiver's thread pauses ten seconds after each try
    assert len(lost) >= 400, "what does not fit into the queue is counted"


@pytest.mark.parametrize(
    ("url", "secret", "hint"), [("ftp://x", SECRET, "http"), ("http://x", "", "never sent unsigned"), ("http://x", "whsec_%", "base64")]
)
def test_a_wrong_webhook_is_one_clear_error(url: str, secret: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        WebhookSink(url, secret, FORMS["native"], lambda: None)
