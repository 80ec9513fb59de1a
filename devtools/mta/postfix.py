"""Postfix, which starts as root only and gives up its rights by itself. Logins it has judged by a server of ours."""

import asyncio
import os
import shutil
from base64 import b64decode
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from typing_extensions import override

from devtools.child import Child
from devtools.mta import PASSWORD, REFUSED, USER, Mta, NotHereError, Place, program, run

_NOBODY = 65_534

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_mailbox_limit = 0
message_size_limit = 20000000
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ {refused} = 550 5.1.1 no such user }} }}
smtpd_tls_cert_file = {chain}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{logins}
"""

_MASTER = """
127.0.0.1:{starttls} inet n - n - - smtpd
127.0.0.1:{tls} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Mta):
    """`others` are parameters of its main.cf in place of ours."""

    def __init__(self, others: Mapping[str, str] | None = None) -> None:
        self._others = others or {}

    @override
    async def start(self, place: Place, stack: AsyncExitStack) -> Child:
        postfix = program("postfix")
        if os.geteuid() != 0:
            raise NotHereError("postfix starts as root only")
        logins = await asyncio.start_server(_judge, "127.0.0.1", 0)
        stack.push_async_callback(logins.wait_closed)
        stack.callback(logins.close)
        shutil.chown(place.folder / "mail", _NOBODY, _NOBODY)
        config = place.folder / "config"
        self._configure(config, place, logins.sockets[0].getsockname()[1])
        await run(postfix, "-c", str(config), "check")
        # Not by `postfix start-fg`: its master takes a session of its own, and outlives whoever started it.
        programs = await run(program("postconf"), "-c", str(config), "-h", "daemon_directory")
        return Child.start([f"{programs}/master", "-c", str(config), "-d"], log=place.folder / "log")

    def _configure(self, config: Path, place: Place, logins: int) -> None:
        for folder in (config, place.folder / "queue", place.folder / "data"):
            folder.mkdir()
        shutil.chown(place.folder / "data", "postfix")
        main = _MAIN.format(
            folder=place.folder,
            nobody=_NOBODY,
            refused=REFUSED,
            chain=place.certificates.chain,
            key=place.certificates.key,
            logins=logins,
        )
        ours = dict(line.split(" =", 1) for line in main.splitlines() if line)
        lines = (f"{name} = {value.strip()}\n" for name, value in {**ours, **self._others}.items())
        (config / "main.cf").write_text("".join(lines))
        (config / "master.cf").write_text(_MASTER.format(starttls=place.starttls, tls=place.tls))


async def _judge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Dovecot's protocol for clients of its authentication, as far as Postfix needs it for PLAIN."""
    writer.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
    try:
        while line := await reader.readline():
            verb, *words = line.decode().rstrip("\n").split("\t")
            if verb == "AUTH":
                response = next(word for word in words if word.startswith("resp=")).removeprefix("resp=")
                good = b64decode(response) == f"\0{USER}\0{PASSWORD}".encode()
                writer.write(f"OK\t{words[0]}\tuser={USER}\n".encode() if good else f"FAIL\t{words[0]}\n".encode())
    except ConnectionError:
        pass
    finally:
        writer.close()
