"""Tenants that config-api describes."""

from devtools.stand_ins import StandIns
from tests.acceptance.stage import PASSWORD, Stage, mail


async def test_tenants_of_config_api_are_served_and_stay_in_force_while_it_is_away(stage: Stage) -> None:
    entry = {
        "smtp_host": "localhost",
        "smtp_port": stage.relay.port,
        "smtp_user": "mailer",
        "smtp_pass": PASSWORD,
        "domain": "api.example",
        "hLimit": 100,
    }
    there = StandIns(tenants={"acme": entry})
    await there.listen()
    service = await stage.prepared()
    service.settings = {name: text for name, text in service.settings.items() if name != "CONSUMER_TENANTS__FILE"}
    service.start(CONSUMER_TENANTS__URL=there.url)
    await service.ready()
    first = await stage.asked(mail(), "first")
    nobody = await stage.asked(mail(), "nobody", tenant="nobody")
    assert (await service.metrics())["consumer_config_api_ok"] == 1
    await there.close()
    again = await stage.asked(mail(), "again")
    await stage.ask(mail(), "stranger", tenant="stranger")
    waits = await stage.parked(["stranger"])
    assert (await service.metrics())["consumer_config_api_ok"] == 0
    assert await service.stop() == 0
    assert (first.status, first.body["envelope"]["from"]) == (204, "no-reply@api.example")
    assert (nobody.status, nobody.type) == (404, "unknown-tenant")
    assert again.status == 204
    assert waits["stranger"]["reason"] == "config-unavailable"
    assert PASSWORD not in service.said
