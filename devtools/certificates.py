"""An own certificate authority, and server certificates that are right or wrong in one way."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

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


def write_keystore(files: Certificates) -> Path:
    """Key and certificates in one file, as Kafka's broker wants them (`ssl.keystore.type=PEM`)."""
    private = load_pem_private_key(files.key.read_bytes(), None)
    keystore = files.key.with_name("keystore.pem")
    keystore.touch(mode=0o600)
    keystore.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + files.chain.read_bytes()
    )
    return keystore
