"""Signing and checking a report: Ed25519 (RFC 8032) over every byte before the signature.

An HTML report ends in one comment with the public key and the signature. A JSON one is ``{"case": …, "public_key": …, "signature": …}``,
signed over the bytes of ``case`` as they stand. Whoever changes a byte breaks the signature; whoever signs anew has another key: so compare
its fingerprint with the one that the provider published, or give ``--public-key``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from siphonwatch.streams.common.errors import SiphonwatchError, UsageError

MARK = re.compile(rb"<!-- siphonwatch-signature ed25519 key=([A-Za-z0-9+/=]+) signature=([A-Za-z0-9+/=]+) -->\n\Z")


class Unsigned(SiphonwatchError):
    """A report that does not hold what was signed."""


class _Signed(msgspec.Struct, forbid_unknown_fields=True):
    case: msgspec.Raw
    public_key: str
    signature: str


def private_key(path: Path | None) -> Ed25519PrivateKey:
    """The key in a PEM file, made there if there is none; a key of this report alone where no file is named."""
    if path is None:
        return Ed25519PrivateKey.generate()
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = path.with_name(path.name + ".pub")
        public.write_bytes(made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return made
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"report_key {path} is no PEM file of an Ed25519 key without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"report_key {path} holds another kind of key: remove the setting's file, and one is made there")
    return key


def public_bytes(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The 32 bytes of the public key."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """How a person compares keys."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def signed_html(body: bytes, key: Ed25519PrivateKey) -> bytes:
    """An HTML report with its signature."""
    names = (base64.b64encode(part).decode() for part in (public_bytes(key), key.sign(body)))
    return body + "<!-- siphonwatch-signature ed25519 key={} signature={} -->\n".format(*names).encode()


def signed_json(case: bytes, key: Ed25519PrivateKey) -> bytes:
    """A JSON report with its signature."""
    public, signature = (base64.b64encode(part).decode() for part in (public_bytes(key), key.sign(case)))
    return msgspec.json.encode(_Signed(msgspec.Raw(case), public, signature)) + b"\n"


def _decoded(text: bytes) -> bytes:
    """What base64 ``text`` holds; ``ValueError`` where it is not written as we write it, for its last bits may carry nothing."""
    found = base64.b64decode(text, validate=True)
    if base64.b64encode(found) != text:
        raise ValueError("not as it was written")
    return found


def verify(raw: bytes, known: Path | None = None) -> str:
    """The fingerprint of the key that signed ``raw``; ``Unsigned`` where it does not hold, or another key than ``known`` signed."""
    mark = MARK.search(raw)
    try:
        if mark:
            body, public, signature = raw[: mark.start()], _decoded(mark[1]), _decoded(mark[2])
        else:
            found = msgspec.json.decode(raw, type=_Signed)
            body, public, signature = bytes(found.case), _decoded(found.public_key.encode()), _decoded(found.signature.encode())
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except InvalidSignature as error:
        raise Unsigned("the signature does not hold: something in the file was changed after it was signed") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unsigned("there is no signature in the file: it is no report of `siphonwatch report`, or its end is missing") from error
    if known is not None:
        try:
            wanted = load_pem_public_key(known.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"--public-key {known} is no PEM file of a public key") from error
        if not isinstance(wanted, Ed25519PublicKey) or public_bytes(wanted) != public:
            raise Unsigned(f"another key signed this report: {fingerprint(public)}")
    return fingerprint(public)
