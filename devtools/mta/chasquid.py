"""chasquid, which runs as anybody. Its mailboxes are users of a domain; what it delivers goes to a program of ours."""

from contextlib import AsyncExitStack

from typing_extensions import override

from devtools.child import Child
from devtools.mta import PASSWORD, USER, Mta, Place, program, run

_DOMAIN = "example.com"

_DELIVER = """#!/bin/sh
# One a mail: a Python would be too much.
file=$(mktemp {folder}/tmp/XXXXXXXXXX) && cat > "$file" && mv "$file" {folder}/new/
"""


class Chasquid(Mta):
    @override
    async def start(self, place: Place, stack: AsyncExitStack) -> Child:
        server, tool = program("chasquid"), program("chasquid-util")
        folder = place.folder
        deliver = folder / "deliver"
        deliver.write_text(_DELIVER.format(folder=folder / "mail"))
        deliver.chmod(0o700)
        for kind in ("tmp", "new"):
            (folder / "mail" / kind).mkdir()
        certificates = folder / "certs" / "localhost"
        certificates.mkdir(parents=True)
        (certificates / "fullchain.pem").write_bytes(place.certificates.chain.read_bytes())
        (certificates / "privkey.pem").write_bytes(place.certificates.key.read_bytes())
        (folder / "domains" / _DOMAIN).mkdir(parents=True)
        (folder / "chasquid.conf").write_text(
            f"""
            hostname: "localhost"
            max_data_size_mb: 20
            submission_address: "127.0.0.1:{place.starttls}"
            submission_over_tls_address: "127.0.0.1:{place.tls}"
            data_dir: "{folder / "data"}"
            mail_delivery_agent_bin: "{deliver}"
            mail_log_path: "<stdout>"
            """
        )
        user = USER.partition("@")[0]
        names = {name.partition("@")[0] for name in place.mailboxes} - {user}
        (folder / "domains" / _DOMAIN / "aliases").write_text("".join(f"{name}: {user}\n" for name in sorted(names)))
        await run(tool, f"--configdir={folder}", "user-add", USER, f"--password={PASSWORD}")
        return Child.start([server, f"--config_dir={folder}"], log=folder / "log")
