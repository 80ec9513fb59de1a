"""Attachments, from a web server to the mail at the relay; and nothing told of where they came from."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import fast_mail_parser
from aiohttp import web

from devtools.relay_script import Say
from devtools.stand_ins import StandIns
from tests.acceptance.service import until
from tests.acceptance.stage import Stage, mail
from tests.acceptance.test_commands import command

CANARY = "c4n4ry"
TOKEN = "NS-EU-FILE-1"
PLAN, PNG = b"%PDF summer plan", b"\x89PNG\r\n"
PASSWORD = f"{CANARY}-password"


async def plan(_: web.Request) -> web.Response:
    headers = {"Content-Type": "application/pdf", "Content-Disposition": "attachment; filename*=utf-8''pl%C3%A4ne.pdf"}
    return web.Response(body=PLAN, headers=headers)


async def inside(_: web.Request) -> web.Response:
    raise web.HTTPFound(f"http://169.254.169.254/latest/{CANARY}")


async def down(_: web.Request) -> web.Response:
    return web.Response(status=503, text=CANARY)


async def changed(_: web.Request) -> web.Response:
    return web.Response(body=b"winter plan")


async def test_files_arrive_as_they_were_by_two_parsers(stage: Stage) -> None:
    async with StandIns(files={"plan": plan, "logo.png": PNG}) as there:
        await stage.run()
        logo = {"url": f"{there.url}/files/logo.png", "cid": "logo", "contentType": "image/png"}
        named = {"url": f"{there.url}/files/logo.png", "filename": "Löwe .png"}
        files = [f"{there.url}/files/plan?signature=x", logo, named]
        told = await stage.asked(mail(html='<img src="cid:logo">', attachments=files), "r-1")
    assert told.status == 204
    (taken,) = stage.relay.taken
    parsed = cast("EmailMessage", message_from_bytes(taken.content, policy=policy.SMTP))
    parts = {part.get_filename(): part for part in parsed.walk() if part.get_filename()}
    assert parts["pläne.pdf"].get_payload(decode=True) == PLAN
    assert parts["pläne.pdf"].get_content_type() == "application/pdf"
    assert parts["Löwe .png"].get_payload(decode=True) == PNG
    assert parts["logo.png"]["Content-ID"] == "<logo>"
    other = fast_mail_parser.parse_email(taken.content)
    assert sorted(one.content for one in other.attachments) == sorted([PLAN, PNG, PNG])


async def test_where_files_came_from_is_told_to_nobody(stage: Stage) -> None:
    values = dict[str, str]()
    files = {f"{CANARY}.pdf": PLAN, f"in-{CANARY}": inside, f"down-{CANARY}": down}
    async with StandIns(values=values, files=files) as there:
        base = f"{there.url}/files"
        values[TOKEN] = f"{base}/{CANARY}.pdf?{CANARY}"
        service = await stage.run(
            CONSUMER_PII__URL=there.url, CONSUMER_LOG__LEVEL="debug", CONSUMER_ATTACHMENTS__EACH="1MB"
        )
        sent = await stage.asked(mail(attachments=[TOKEN, f"{base}/{CANARY}.pdf?{CANARY}"]), "sent")
        gone = await stage.asked(mail(attachments=[f"{base}/gone-{CANARY}?{CANARY}"]), "gone")
        led = await stage.asked(mail(attachments=[f"{base}/in-{CANARY}"]), "led")
        own = {"server": "localhost", "port": stage.relay.port, "user": "me", "password": PASSWORD}
        await stage.ask(mail(connection=own), "password")
        await stage.ask(mail(attachments=[TOKEN, f"{base}/down-{CANARY}?{CANARY}"]), "down")
        await until(lambda: any(line.get("reason") == "attachment-host-unavailable" for line in service.lines()))
        waits = await stage.parked(["down", "password"])
        metrics = (await service.get("/metrics"))[1]
        assert await service.stop() == 0

    assert (sent.status, gone.status, led.status) == (204, 424, 424)
    assert (gone.type, led.type) == ("attachment-gone", "attachment-not-allowed")
    assert gone.body["error"] == "/attachments/0: its host says that it cannot be had"
    assert led.body["error"] == "/attachments/0: not allowed"
    assert waits["down"]["reason"] == "attachment-host-unavailable"
    assert waits["down"]["attempts"] >= 1  # its next one comes anywhere in the first minute
    assert waits["password"]["last"].startswith("auth 535")
    assert CANARY.encode() in stage.relay.taken[0].content

    assert await stage.places_of(CANARY, metrics) == []
    assert re.search(r'consumer_attachments_total\{result="fetched"\} [34]\.0', metrics)  # with that attempt: four


async def test_a_file_that_changed_before_the_retry_is_not_sent(stage: Stage) -> None:
    busy = await stage.another_relay({"mail": Say("451 4.3.0 busy")})
    stage.tenants["busy"] = {"smtp_host": "localhost", "smtp_port": busy.port, "domain": "busy.example"}
    async with StandIns(files={"plan": PLAN}) as there:
        await stage.run()
        origin = await stage.ask(mail(attachments=[f"{there.url}/files/plan"]), "r-1", tenant="busy")
        waits = await stage.parked(["r-1"])
        assert waits["r-1"]["last"] == "mail 451 4.3.0"
        # Another process: it knows the file by the parked entry alone.
        assert await stage.services[0].stop() == 0
        there.instead = changed
        await stage.run()
        promoted = await command(stage, {}, "parked", "promote", "r-1", "--tenant", "busy")
        # Its next attempt may come before: when is for the dice to say, anywhere in the first minute.
        assert promoted.returncode == 0 or "not-parked" in promoted.stdout or "in-flight" in promoted.stdout
        told = await stage.outcomes.of(origin)
    assert (told.status, told.type) == (424, "attachment-changed")
    assert busy.taken == []
