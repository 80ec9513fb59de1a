"""Without an operator's word the consumer connects to public addresses only, whoever names the others."""

import json

from tests.acceptance.service import until
from tests.acceptance.stage import Stage, mail
from tests.acceptance.test_commands import command

ALLOW = "CONSUMER_NETWORK__ALLOW"
NOTATIONS = ("localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433")
METADATA = "169.254.169.254"
PASSWORD = "c4n4ry"


async def test_a_request_that_names_a_relay_inside_is_told_that_it_is_not_allowed(stage: Stage) -> None:
    service = await stage.run(**{ALLOW: "[]", "CONSUMER_LOG__LEVEL": "debug"})
    for server in (*NOTATIONS, METADATA):
        connection = {"server": server, "port": stage.relay.port, "user": "me", "password": PASSWORD}
        told = await stage.asked(mail(connection=connection), f"inside-{server}")
        assert (told.status, told.type) == (424, "connection-not-allowed")
        assert told.body["error"] == "/connection/server: not allowed"
        assert PASSWORD not in str((told.headers, told.value))
    assert stage.relay.sessions == []
    assert PASSWORD not in service.said
    assert METADATA not in service.said


async def test_a_tenants_relay_inside_waits_until_an_operator_allows_it(stage: Stage) -> None:
    service = await stage.run(**{ALLOW: "[]"})
    origin = await stage.ask(mail(), "inside")
    await until(lambda: any(line.get("reason") == "not-allowed" for line in service.lines()))
    waits = await stage.parked(["inside"])
    assert (waits["inside"]["reason"], waits["inside"]["last"]) == ("not-allowed", "not-allowed")
    (line,) = (line for line in service.lines() if line.get("reason") == "not-allowed")
    assert (line["event"], line["level"]) == ("parked", "warning")
    assert await service.stop() == 0

    checked = await command(stage, {ALLOW: "[]"}, "check", "--online")
    assert checked.returncode == 78
    assert f"{ALLOW}: localhost:{stage.relay.port}, the relay of tenant acme, is at no public" in checked.stderr
    assert stage.relay.sessions == []

    service.start(**{ALLOW: json.dumps(["localhost"])})
    await service.ready()
    promoted = await command(stage, {}, "parked", "promote", "inside", "--tenant", "acme")
    # Its next attempt may come before: when is for the dice to say, anywhere in the first minute.
    assert promoted.returncode == 0 or "not-parked" in promoted.stdout or "in-flight" in promoted.stdout
    assert (await stage.outcomes.of(origin)).status == 204
    assert len(stage.relay.taken) == 1
