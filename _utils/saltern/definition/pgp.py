"""Is a file an ASCII-armoured PGP public key that a secret can be encrypted to? RFC 9580, only as far as that."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

PUBLIC = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
PRIVATE = "-----BEGIN PGP PRIVATE KEY BLOCK-----"
_KEY_TAGS = (6, 14)  # public key, public subkey
_SIGNATURE_TAG = 2
_KEY_FLAGS_SUBPACKET = 27
_ENCRYPT_FLAGS = 0x04 | 0x08  # communications, storage
_ENCRYPTING_ALGORITHMS = (1, 2, 16, 18, 25, 26)  # RSA, RSA encrypt-only, Elgamal, ECDH, X25519, X448


def fault(armour: str) -> tuple[str, str] | None:
    """What is wrong with an operator's key file, and its cure; None where it is a usable public key."""
    if PRIVATE in armour:
        cure = "delete it everywhere it was copied to, revoke that key, and export with `gpg --armor --export`."
        return "it holds a PRIVATE key", cure
    cure = "export it with `gpg --armor --export NAME`."
    if armour.count(PUBLIC) != 1:
        return "it is not exactly one ASCII-armoured PGP public key", cure
    try:
        packets = list(_packets(_body(armour)))
    except (ValueError, IndexError, binascii.Error):
        return "its armour or its packets are damaged", cure
    if not packets or packets[0][0] != _KEY_TAGS[0]:
        return "it holds no public key", cure
    if not any(_encrypts(packets, position) for position in range(len(packets))):
        cure = "add an encryption subkey (`gpg --quick-add-key FINGERPRINT cv25519 encr`), then export it again."
        return "nothing can be encrypted to it: it has no encryption subkey", cure
    return None


def _body(armour: str) -> bytes:
    """The packets inside the armour, after its checksum (where it has one) was compared."""
    inside = armour.split(PUBLIC, 1)[1].split("-----END PGP PUBLIC KEY BLOCK-----", 1)[0]
    _, _, text = inside.replace("\r", "").partition("\n\n")
    lines = [line.strip() for line in text.strip().split("\n")]
    checksum = lines.pop()[1:] if lines and lines[-1].startswith("=") and len(lines[-1]) == 5 else ""
    body = base64.b64decode("".join(lines), validate=True)
    if checksum and base64.b64decode(checksum, validate=True) != _crc24(body):
        raise ValueError("checksum")
    return body


def _crc24(data: bytes) -> bytes:
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc.to_bytes(3, "big")


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        header = data[position]
        if not header & 0x80:
            raise ValueError("packet")
        if header & 0x40:
            tag = header & 0x3F
            length, used = _length(data, position + 1)
        else:
            tag, used = header >> 2 & 0x0F, 1 << (header & 0x03)
            length = int.from_bytes(data[position + 1 : position + 1 + used], "big")
        start = position + 1 + used
        if used > 5 or start + length > len(data):
            raise ValueError("length")
        yield tag, data[start : start + length]
        position = start + length


def _length(data: bytes, position: int) -> tuple[int, int]:
    """A length of the new packet form, and how many bytes it takes."""
    first = data[position]
    if first < 192:
        return first, 1
    if first < 224:
        return ((first - 192) << 8) + data[position + 1] + 192, 2
    if first == 255:
        return int.from_bytes(data[position + 1 : position + 5], "big"), 5
    raise ValueError("partial length")


def _encrypts(packets: list[tuple[int, bytes]], position: int) -> bool:
    """Whether the packet is a key with an encrypting algorithm whose owner's signature does not forbid that use."""
    tag, body = packets[position]
    if tag not in _KEY_TAGS or body[5] not in _ENCRYPTING_ALGORITHMS:
        return False
    for following, signature in packets[position + 1 :]:
        if following in _KEY_TAGS:
            break
        flags = _key_flags(signature) if following == _SIGNATURE_TAG else None
        if flags is not None:
            return bool(flags & _ENCRYPT_FLAGS)
    return True


def _key_flags(signature: bytes) -> int | None:
    """The key flags that a signature of version 4 or 6 states in its signed part."""
    if signature[0] not in (4, 6):
        return None
    width = 2 if signature[0] == 4 else 4
    position = 4 + width
    end = position + int.from_bytes(signature[4:position], "big")
    while position < end:
        length, used = _subpacket_length(signature, position)
        start = position + used
        if signature[start] & 0x7F == _KEY_FLAGS_SUBPACKET:
            return signature[start + 1]
        position = start + length
    return None


def _subpacket_length(data: bytes, position: int) -> tuple[int, int]:
    first = data[position]
    if first < 192:
        return first, 1
    if first < 255:
        return ((first - 192) << 8) + data[position + 1] + 192, 2
    return int.from_bytes(data[position + 1 : position + 5], "big"), 5
