"""A listener of a real broker that is only for those who log in, over TLS."""

from devtools.certificates import Certificates, write_keystore

SCRAM_AND_PLAIN = "PLAIN,SCRAM-SHA-512"


def listener(port: int, files: Certificates, mechanisms: str) -> dict[str, str]:
    """The broker's settings for it; what each mechanism needs besides is the test's own."""
    return {
        "listeners": f"SECURED://127.0.0.1:{port}",
        "advertised.listeners": f"SECURED://127.0.0.1:{port}",
        "listener.security.protocol.map": "SECURED:SASL_SSL",
        "listener.name.secured.ssl.keystore.type": "PEM",
        "listener.name.secured.ssl.keystore.location": str(write_keystore(files)),
        "listener.name.secured.sasl.enabled.mechanisms": mechanisms,
    }
