"""An own certificate authority, and server certificates that are right or wrong in one way."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import trustme

Flaw = Literal["expired", "wrong-host"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the authority to trust; the server's certificate chain; its private key."""

    authority: Path
    chain: Path
    key: Path


def write_certificates(folder: Path, flaw: Flaw | None = None, *, also_for: tuple[str, ...] = ()) -> Certificates:
    """Make an authority and a certificate for localhost and these names (or, flawed, one that must be refused)."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    names = ("elsewhere.example",) if flaw == "wrong-host" else ("localhost", "127.0.0.1", "::1", *also_for)
    expiry = datetime(2020, 1, 1, tzinfo=UTC) if flaw == "expired" else None
    server = authority.issue_cert(*names, not_after=expiry)
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(files.authority)
    files.chain.write_bytes(b"".join(part.bytes() for part in server.cert_chain_pems))
    files.key.touch(mode=0o600)
    server.private_key_pem.write_to_path(files.key)
    return files
