"""Private keys that sign for DKIM, read from PEM. Imported where a tenant has one: the library takes 6 MB."""

from functools import lru_cache, partial
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from consumer.core.dkim import PrivateKey

LEAST_BITS, MOST_BITS = 1024, 4096  # RFC 8301, 3.2; beyond, DNS records do not fit and each mail takes tens of ms


@lru_cache(maxsize=4096)
def load_key(pem: str) -> PrivateKey | None:
    """The key that a PEM text holds, or None: no key of a kind, or of a length, that signs for DKIM."""
    try:
        # What is skipped takes 70 ms; that the parts belong together is seen below, in one.
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        if isinstance(key, Ed25519PrivateKey):
            return private(key)
        if not isinstance(key, RSAPrivateKey) or not LEAST_BITS <= key.key_size <= MOST_BITS:
            return None
        key.public_key().verify(_rsa(key, b""), b"", PKCS1v15(), SHA256())
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        return None
    return private(key)


def private(key: RSAPrivateKey | Ed25519PrivateKey) -> PrivateKey:
    """What signs with it."""
    if isinstance(key, RSAPrivateKey):
        return PrivateKey("rsa-sha256", partial(_rsa, key))
    return PrivateKey("ed25519-sha256", partial(_ed25519, key))


def _rsa(key: RSAPrivateKey, data: bytes) -> bytes:
    return key.sign(data, PKCS1v15(), SHA256())


def _ed25519(key: Ed25519PrivateKey, data: bytes) -> bytes:
    return key.sign(sha256(data).digest())  # of the digest: RFC 8463, 3
