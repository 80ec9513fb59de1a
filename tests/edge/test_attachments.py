"""Attachments from hosts that are slow, huge, gone, or lead astray."""

import asyncio
import gzip
import hashlib
import socket
import ssl
import tracemalloc
from binascii import a2b_base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from consumer.adapters.attachments import Patience, WebAttachments
from consumer.adapters.clock import SystemClock
from consumer.adapters.guard import Guard, Place
from consumer.core.attachment import Fetched, File, Gone, NoRoom, Refusal, Refused, Wanted
from consumer.core.network import WEB_PORTS, Borders
from consumer.core.tenant import Unavailable
from consumer.ports import Allot
from devtools.certificates import Certificates, write_certificates
from devtools.stand_ins import Answer, StandIns

UNAVAILABLE = Unavailable("attachment-host")
NOT_ALLOWED = Refused(Refusal.NOT_ALLOWED)
TOO_LARGE = Refused(Refusal.TOO_LARGE)
UNREADABLE = Refused(Refusal.UNREADABLE)
PLAN = b"summer plan"
PATIENT = Patience(connect=5, read=5, total=10)
GUARD = Guard(Borders.of([ip_network("127.0.0.1/32")]))


async def fetched(
    url: str,
    room: int = 1_000_000,
    *,
    sha256: str | None = None,
    guard: Guard = GUARD,
    patience: Patience = PATIENT,
    tls: ssl.SSLContext | None = None,
    allot: Allot = lambda _: True,
) -> File:
    attachments = WebAttachments(SystemClock(), guard.connector, patience, tls=tls)
    return await attachments.fetch(Wanted(url, sha256), room, allot)


def content(file: Fetched) -> bytes:
    """As it was before it was encoded."""
    return a2b_base64(b"".join(file.lines))


def answering(body: bytes = PLAN, status: int = 200, **headers: str) -> Answer:
    """`content_type="text/plain"` is a header of that name."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=named)

    return answer


def leading_to(location: str, status: int = 302) -> Answer:
    return answering(b"", status, Location=location)


@asynccontextmanager
async def host(**files: bytes | Answer) -> AsyncIterator[StandIns]:
    async with StandIns(files=files) as stand_ins:
        yield stand_ins


@asynccontextmanager
async def raw_host(*pieces: bytes, every: float = 0.0, for_ever: bool = False) -> AsyncIterator[str]:
    """A host that says these bytes, whatever it is asked; the last piece again and again, if so wanted."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            while for_ever:
                await asyncio.sleep(every)
                writer.write(pieces[-1])
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/file.bin"


async def test_a_file_comes_with_its_type_name_and_digest() -> None:
    answer = answering(
        Content_Type="application/pdf", Content_Disposition="attachment; filename*=utf-8''pl%C3%A4ne.pdf"
    )
    async with host(plan=answer) as there:
        file = await fetched(f"{there.url}/files/plan")
        digest = hashlib.sha256(PLAN).hexdigest()
        assert file == Fetched((b"c3VtbWVyIHBsYW4=\r\n",), 11, "application/pdf", "pläne.pdf", digest)


async def test_a_file_without_a_name_is_called_as_in_its_path() -> None:
    async with host(**{"plan.pdf": PLAN}) as there:
        file = await fetched(f"{there.url}/files/plan.pdf?signature=x#page=2")
        assert isinstance(file, Fetched)
        assert (file.filename, file.content_type) == ("plan.pdf", "application/octet-stream")


async def test_a_url_is_asked_for_as_it_is_written() -> None:
    async with host(plan=PLAN) as there:
        query = "X-Sig=a%2Fb%2b%41==&Y=~!*'()"
        await fetched(f"{there.url}/files/plan?{query}")
        assert there.asked == [f"GET /files/plan?{query}"]


async def test_a_url_of_other_scripts_is_asked_for_in_ascii() -> None:
    async with host(pläne=PLAN) as there:
        assert isinstance(await fetched(f"{there.url}/files/pläne"), Fetched)
        assert there.asked == ["GET /files/pl%C3%A4ne"]


async def test_nothing_is_told_about_us_and_nothing_compressed_is_asked_for() -> None:
    seen: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(body=PLAN)

    async with host(plan=answer) as there:
        await fetched(f"{there.url}/files/plan")
    assert seen[0].keys() == {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert seen[0]["accept-encoding"] == "identity"
    assert seen[0]["user-agent"] == "email-consumer"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_what_the_host_refuses_is_gone(status: int) -> None:
    async with host(plan=answering(status=status)) as there:
        assert await fetched(f"{there.url}/files/plan") == Gone()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_the_host_cannot_give_now_may_come_later(status: int) -> None:
    async with host(plan=answering(status=status)) as there:
        assert await fetched(f"{there.url}/files/plan") == UNAVAILABLE


@pytest.mark.parametrize("status", [201, 204, 206])
async def test_a_success_that_is_no_file_is_not_taken_for_one(status: int) -> None:
    async with host(plan=answering(b"" if status == 204 else PLAN, status)) as there:
        assert await fetched(f"{there.url}/files/plan") == UNREADABLE


async def test_an_empty_file_is_a_file() -> None:
    async with host(plan=answering(b"")) as there:
        file = await fetched(f"{there.url}/files/plan", 0)
        assert isinstance(file, Fetched)
        assert (content(file), file.octets) == (b"", 0)


async def test_a_file_may_be_just_as_large_as_there_is_room() -> None:
    async with host(plan=PLAN) as there:
        assert isinstance(await fetched(f"{there.url}/files/plan", len(PLAN)), Fetched)
        assert await fetched(f"{there.url}/files/plan", len(PLAN) - 1) == TOO_LARGE


async def test_a_declared_size_that_is_too_large_is_believed_at_once() -> None:
    async with raw_host(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n", b"", every=0.1, for_ever=True) as url:
        assert await fetched(url) == TOO_LARGE


async def test_a_download_without_an_end_stops_at_the_room_there_is() -> None:
    async with raw_host(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, for_ever=True) as url:
        assert await fetched(url) == TOO_LARGE


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12"])
async def test_a_host_that_falls_silent_is_waited_for_no_longer_than_its_time(head: bytes) -> None:
    async with raw_host(head, b"", every=0.05, for_ever=True) as url:
        assert await fetched(url, patience=replace(PATIENT, read=0.2)) == UNAVAILABLE


async def test_a_download_that_drips_is_given_up_though_it_never_falls_silent() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    async with raw_host(head, b"x", every=0.02, for_ever=True) as url:
        assert await fetched(url, patience=replace(PATIENT, grace=0.2, slowest=1000)) == UNAVAILABLE


async def test_headers_that_drip_end_with_the_time_for_all() -> None:
    async with raw_host(b"HTTP/1.1 200 OK\r\nX: ", b"x", every=0.02, for_ever=True) as url:
        assert await fetched(url, patience=replace(PATIENT, total=0.3)) == UNAVAILABLE


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"\x16\x03\x01" * 1000,
    ],
    ids=["nothing", "smtp", "cut", "no-length", "cut-chunk", "long-header", "many-headers", "tls"],
)
async def test_an_answer_that_is_cut_or_garbage_is_never_half_a_file(said: bytes) -> None:
    async with raw_host(said) as url:
        assert await fetched(url) == UNAVAILABLE


async def test_a_file_that_is_kept_compressed_is_inflated() -> None:
    for name in ("gzip", "x-gzip", "GZIP"):
        async with host(plan=answering(gzip.compress(PLAN * 50_000), Content_Encoding=name)) as there:
            file = await fetched(f"{there.url}/files/plan")
            assert isinstance(file, Fetched)
            assert content(file) == PLAN * 50_000


async def test_a_bomb_stops_at_the_room_there_is() -> None:
    async with host(plan=answering(gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")) as there:
        assert await fetched(f"{there.url}/files/plan") == TOO_LARGE


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (PLAN, "gzip"),
        (gzip.compress(PLAN)[:-4], "gzip"),
        (gzip.compress(PLAN) + b"more", "gzip"),
        (b"", "gzip"),
        (PLAN, "br"),
        (PLAN, "gzip, gzip"),
        (PLAN, "deflate"),
    ],
)
async def test_what_cannot_be_inflated_is_refused(body: bytes, coding: str) -> None:
    async with host(plan=answering(body, Content_Encoding=coding)) as there:
        assert await fetched(f"{there.url}/files/plan") == UNREADABLE


async def test_only_the_very_file_is_taken_where_its_digest_is_known() -> None:
    async with host(plan=PLAN) as there:
        right = hashlib.sha256(PLAN).hexdigest().upper()
        assert isinstance(await fetched(f"{there.url}/files/plan", sha256=right), Fetched)
        assert await fetched(f"{there.url}/files/plan", sha256="0" * 64) == Refused(Refusal.CHANGED)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    async with host(plan=leading_to("../files/moved?a=%2F", status), moved=PLAN) as there:
        assert isinstance(await fetched(f"{there.url}/files/plan"), Fetched)
        assert there.asked == ["GET /files/plan", "GET /files/moved?a=%2F"]


async def test_a_redirect_with_the_letters_of_other_scripts_or_blanks_is_followed() -> None:
    async with host(plan=leading_to("/files/pl%C3%A4ne neu"), **{"pläne neu": PLAN}) as there:
        assert isinstance(await fetched(f"{there.url}/files/plan"), Fetched)


async def test_after_five_redirects_it_is_enough() -> None:
    hops: dict[str, bytes | Answer] = {f"{n}": leading_to(f"/files/{n + 1}") for n in range(6)}
    async with host(**hops, **{"6": PLAN}) as there:
        assert isinstance(await fetched(f"{there.url}/files/1"), Fetched)
        assert await fetched(f"{there.url}/files/0") == NOT_ALLOWED


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.internal/",
        "//10.0.0.1/",
        "http://127.0.0.2:{port}/files/moved",
        "http://2130706434:{port}/files/moved",
        "http://127.2:{port}/files/moved",
        "http://0x7f.2:{port}/files/moved",
        "http://user:secret@127.0.0.1:{port}/files/moved",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:text/plain,hello",
        "http://",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:{port}/files/moved\x01",
        "http://127.0.0.1\\@169.254.169.254/",
        "\udcff",
    ],
)
async def test_no_redirect_leads_where_a_url_may_not(location: str) -> None:
    async def names(name: str, port: int) -> list[Place]:
        there = {"metadata.internal": "169.254.169.254"}.get(name)
        if there:
            return [(socket.AF_INET, there, port)]
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        return [(socket.AF_INET, str(address[0]), port) for _, _, _, _, address in found]

    guard = Guard(Borders.of([ip_network("127.0.0.1/32")]), lookup=names)
    async with host(moved=PLAN) as there:
        to = location.format(port=there.port).encode("utf-8", "surrogateescape")
        async with raw_host(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % to) as url:
            assert await fetched(url, guard=guard) in (NOT_ALLOWED, UNAVAILABLE)
            assert await fetched(to.decode("utf-8", "surrogateescape"), guard=guard) == NOT_ALLOWED
        assert there.asked == []


@asynccontextmanager
async def secure_host(answer: Answer, certificates: Certificates) -> AsyncIterator[str]:
    """The same over TLS."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.chain, certificates.key)

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        return await answer(cast("web.Request", request))

    runner = web.ServerRunner(web.Server(serve))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/plan"
    finally:
        await runner.cleanup()


async def test_over_https_the_host_is_verified(tmp_path: Path) -> None:
    right = write_certificates(tmp_path / "right")
    tls = ssl.create_default_context(cafile=right.authority)
    async with secure_host(answering(), right) as url:
        assert isinstance(await fetched(url, tls=tls), Fetched)
        assert await fetched(url) == UNAVAILABLE
    wrong = write_certificates(tmp_path / "wrong", "wrong-host")
    async with secure_host(answering(), wrong) as url:
        assert await fetched(url, tls=ssl.create_default_context(cafile=wrong.authority)) == UNAVAILABLE


async def test_from_https_nothing_leads_to_http(tmp_path: Path) -> None:
    certificates = write_certificates(tmp_path)
    tls = ssl.create_default_context(cafile=certificates.authority)
    async with host(moved=PLAN) as there:
        async with secure_host(leading_to(f"{there.url}/files/moved"), certificates) as url:
            assert await fetched(url, tls=tls) == NOT_ALLOWED
        assert there.asked == []


async def test_a_port_that_is_not_for_the_web_is_not_allowed() -> None:
    async def names(_name: str, port: int) -> list[Place]:
        return [(socket.AF_INET, "8.8.8.8", port)]

    guard = Guard(Borders(ports=WEB_PORTS), lookup=names)
    assert await fetched("http://files.example:25/", guard=guard) == NOT_ALLOWED
    assert await fetched("http://8.8.8.8:22/", guard=guard) == NOT_ALLOWED


async def test_a_host_without_an_address_or_that_does_not_listen_may_come_back() -> None:
    assert await fetched("http://no.such.invalid/plan") == UNAVAILABLE
    assert await fetched("http://a..b/plan") == UNAVAILABLE
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert await fetched(f"http://127.0.0.1:{closed.getsockname()[1]}/plan") == UNAVAILABLE


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with host(plan=PLAN) as there, host() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert isinstance(await fetched(f"{there.url}/files/plan"), Fetched)
        assert proxy.asked == []


async def test_a_cookie_is_not_carried_from_one_file_to_the_next() -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(status=302, headers={"Set-Cookie": "a=b", "Location": "/files/plan"})

    async with host(plan=answer) as there:
        await fetched(f"{there.url}/files/plan")
    assert set(seen) == {None}


async def test_nothing_of_a_url_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        for url in (
            "http://c4n4ry.invalid/c4n4ry",
            "http://127.0.0.1:1/c4n4ry",
            "c4n4ry://c4n4ry",
            "http://c4n4ry:x@h/",
        ):
            assert "c4n4ry" not in repr(await fetched(url))
        async with host(c4n4ry=answering(status=500)) as there:
            assert "c4n4ry" not in repr(await fetched(f"{there.url}/files/c4n4ry"))
    ours = [line for line in caplog.records if line.name.partition(".")[0] in ("consumer", "aiohttp")]
    assert "c4n4ry" not in str([line.getMessage() for line in ours])


async def test_fifty_megabytes_take_no_more_memory_than_there_is_room() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    tracemalloc.start()
    try:
        async with raw_host(head, b"10000\r\n" + b"x" * 65_536 + b"\r\n", for_ever=True) as url:
            assert await fetched(url, 1_000_000) == TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


async def test_a_file_is_kept_only_as_far_as_there_is_memory_and_its_size_is_asked_for_before() -> None:
    asked: list[int] = []

    def allot(octets: int) -> bool:
        asked.append(octets)
        return octets <= 100_000

    async with host(large=b"x" * 100_001, fits=b"x" * 100_000) as there:
        assert await fetched(f"{there.url}/files/large", allot=allot) == NoRoom(100_001)
        assert isinstance(await fetched(f"{there.url}/files/fits", allot=allot), Fetched)
    assert asked == [100_001, 100_000]


async def test_of_a_file_of_unknown_size_memory_is_asked_for_as_it_comes() -> None:
    asked: list[int] = []

    def allot(octets: int) -> bool:
        asked.append(octets)
        return octets <= 400_000

    async with raw_host(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, for_ever=True) as url:
        ended = await fetched(url, 10_000_000, allot=allot)
    assert ended == NoRoom(asked[-1])
    assert asked == sorted(asked)
    assert len(asked) < 12
    assert 400_000 < asked[-1] <= 800_000
