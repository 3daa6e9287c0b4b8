"""Refusals in cfssl's form: a status, a code and a message."""

from __future__ import annotations

from saltern.errors import SalternError

# cmd/multirootca calls every refusal of its own 1; the others are category + reason of cfssl's package ``errors``.
DOOR = 1
BAD_REQUEST = 400
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
TOO_LARGE = 413
UNAVAILABLE = 503
CANNOT_SIGN = 1000  # CertificateError, Unknown
INVALID_REQUEST = 5300  # PolicyError, InvalidRequest
DETAIL_CHARACTERS = 200


class Refused(SalternError):
    """A request that is not answered with what it asks for; nothing was signed.

    :param status: of HTTP.
    :param code: cfssl's number for the kind of error.
    :param message: for whoever asked.
    :param reason: for the log, where it says more than the caller may know.
    """

    def __init__(self, status: int, code: int, message: str, reason: str = "") -> None:
        self.status, self.code, self.message, self.reason = status, code, message, reason or message
        super().__init__(message)


def bad_request(message: str, reason: str = "") -> Refused:
    """A request that does not say what it must."""
    return Refused(400, BAD_REQUEST, message, reason)


def quoted(value: object) -> str:
    """Text of others in a message or a log: one line, ASCII, cut."""
    return ascii(str(value))[:DETAIL_CHARACTERS]
