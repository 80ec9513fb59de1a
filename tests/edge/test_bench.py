"""`consumer bench` before anything is written: whom it puts a load on, and what it makes of the times."""

from dataclasses import replace
from pathlib import Path

import pytest

from consumer.__main__ import main
from consumer.cli.bench import Load, Tally, objection
from consumer.cli.exits import Exit
from consumer.client.events import OutcomeEvent
from consumer.core.tenant import Limit, Mode, Relay, Tenant

LOAD = Load("acme", requests=100, in_flight=10, rate=None, size=10, wait=5.0)
LIVE = Tenant("acme", Relay("mail.example", 587), h_limit=1000)
DRY = replace(LIVE, mode=Mode.DRY_RUN)


@pytest.mark.parametrize(
    ("tenant", "load", "simulate", "said"),
    [
        (DRY, LOAD, False, None),
        (replace(LIVE, simulator=True), LOAD, False, None),
        (LIVE, LOAD, True, None),
        (LIVE, replace(LOAD, live=True, to="ann@example.com"), False, None),
        (LIVE, LOAD, False, "mail would go to its relay"),
        (replace(LIVE, mode=Mode.REDIRECT_TO, redirect_to="qa@example.com"), LOAD, False, "mode redirect-to"),
        (replace(DRY, mode=Mode.HOLD), LOAD, True, "on hold"),
        (DRY, replace(LOAD, live=True), False, "say"),
        (DRY, replace(LOAD, to="ann@example.com"), False, "--to only with it"),
        (replace(DRY, h_limit=100), LOAD, False, "a limit of 100 in 3600 s"),
        (replace(DRY, limits=(Limit(5, 60.0),)), LOAD, False, "a limit of 5 in 60 s"),
        (replace(DRY, h_limit=101), LOAD, False, None),
    ],
)
def test_a_load_is_put_only_where_no_mail_goes_out_or_where_that_was_said(
    tenant: Tenant,
    load: Load,
    simulate: bool,  # noqa: FBT001
    said: str | None,
) -> None:
    found = objection(tenant, load, simulate=simulate)
    assert (found is None) is (said is None), found
    assert said is None or said in (found or "")


def outcome(kind: str, **data: object) -> OutcomeEvent:
    return OutcomeEvent(kind, "", "acme", "r", "0:0", "", data)


def test_times_are_told_by_the_part_of_the_requests_that_took_no_longer() -> None:
    tally = Tally()
    for wait in range(1, 101):
        tally.add(outcome("accepted"), wait / 100)
    tally.seconds = 4.0
    assert [tally.within(part) for part in (0.5, 0.9, 0.99, 1.0)] == [0.5, 0.9, 0.99, 1.0]
    assert (tally.a_second, tally.code) == (25.0, Exit.OK)


def test_without_an_outcome_there_is_no_time_and_the_exit_code_says_so() -> None:
    tally = Tally()
    assert (tally.within(0.5), tally.a_second) == (None, 0.0)
    tally.add(outcome("rate-limited", type="rate-limited"), 0.1)
    assert (tally.endings["rate-limited"], tally.code) == (1, Exit.OTHER)
    tally.add(None, 5.0)
    assert (tally.unanswered, tally.code) == (1, Exit.NO_ANSWER)


@pytest.mark.parametrize(
    ("tenant", "said", "code"),
    [("acme", "mail would go to its relay", 2), ("other", "nobody of that name", 78)],
)
def test_what_is_refused_is_refused_before_kafka_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tenant: str,
    said: str,
    code: int,
) -> None:
    (tmp_path / "tenants.yaml").write_text("tenants: {acme: {smtp_host: mail.example, domain: acme.example}}")
    monkeypatch.setenv("CONSUMER_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CONSUMER_TENANTS__FILE", str(tmp_path / "tenants.yaml"))
    assert main(["bench", "--tenant", tenant]) == code
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)
