"""What PII tokens stand for goes to the relay and nowhere else."""

from devtools.relay_script import Say, Script
from devtools.stand_ins import StandIns
from tests.acceptance.service import until
from tests.acceptance.stage import Stage, mail

CANARY = "c4n4ry"
ANN, BOB, TEXT = "NS-EU-ANN-1", "NS-EU-BOB-1", "NS-EU-TEXT-1"
VALUES = {ANN: f"ann.{CANARY}@{CANARY}.example", BOB: f"bob@{CANARY}.example", TEXT: f"Dear {CANARY}"}
ECHO: Script = {
    f"rcpt:{VALUES[ANN]}": Say(f"550 5.1.1 <{VALUES[ANN]}>: no such mailbox"),
    f"rcpt:{VALUES[BOB]}": (Say(f"451 4.2.1 {VALUES[BOB]} is busy"), Say(f"250 2.1.5 {VALUES[BOB]} ok")),
}


async def test_values_of_tokens_reach_the_relay_and_no_topic_log_line_or_metric(stage: Stage) -> None:
    echoing = await stage.another_relay(ECHO)
    stage.tenants["echo"] = {"smtp_host": "localhost", "smtp_port": echoing.port, "domain": "echo.example"}
    async with StandIns(values=VALUES) as vault:
        service = await stage.run(CONSUMER_PII__URL=vault.url, CONSUMER_LOG__LEVEL="debug")
        sent = await stage.asked(mail(to=[ANN], cc=[BOB], subject=TEXT, text=TEXT), "sent")
        refused = await stage.asked(mail(to=[ANN]), "refused", tenant="echo")
        await stage.ask(mail(to=[BOB], text=TEXT), "busy", tenant="echo")
        await stage.parked(["busy"])
        unknown = await stage.asked(mail(to=["NS-EU-NOBODY-1"]), "unknown")
    down = await stage.ask(mail(to=[ANN]), "down")
    await until(lambda: any(line.get("reason") == "vault-unavailable" for line in service.lines()))
    waits = await stage.parked(["down"])
    metrics = (await service.get("/metrics"))[1]
    assert await service.stop() == 0

    (taken,) = stage.relay.taken
    assert set(taken.recipients) == {VALUES[ANN], VALUES[BOB]}
    assert f"Subject: {VALUES[TEXT]}".encode() in taken.content
    assert b"NS-EU" not in taken.content
    assert (sent.status, sent.body["accepted"], sent.body["envelope"]["to"]) == (204, [ANN, BOB], [ANN, BOB])
    assert (refused.status, refused.type) == (422, "rejected")
    assert refused.body["rejectedErrors"][0]["response"] == f"550 5.1.1 <{ANN}>: no such mailbox"
    assert (unknown.status, unknown.type) == (424, "pii-unresolved")
    assert waits["down"]["reason"] == "vault-unavailable"

    told = await stage.outcomes.there_now()
    assert down not in {one.origin for one in told}
    assert await stage.places_of(CANARY, metrics) == []
    assert "outcomes" in await stage.places_of(ANN.lower(), metrics), "what is there is found"


async def test_tokens_may_be_in_a_file_for_trying_things_out(stage: Stage) -> None:
    values = stage.folder / "values.yaml"
    values.write_text(f"{ANN}: ann@example.com\n")
    await stage.run(CONSUMER_PII__FILE=str(values))
    told = await stage.asked(mail(to=[ANN]), "r-1")
    assert (told.status, told.body["accepted"]) == (204, [ANN])
    assert stage.relay.taken[0].recipients == ("ann@example.com",)
