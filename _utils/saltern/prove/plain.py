"""Plain HTTP, on purpose: to see that a port refuses it, and to read what the canary serves."""

from __future__ import annotations

import http.client

from saltern.errors import ServiceUnreachable

LARGEST = 65536


def ask(address: str, port: int, *, timeout: float = 3.0) -> tuple[int, str]:
    """Status and body of ``GET /`` without TLS.

    :raises ServiceUnreachable: when nobody answers in HTTP.
    """
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read(LARGEST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise ServiceUnreachable(
            f"{address} port {port} gives no answer in plain HTTP: {error or type(error).__name__}."
        ) from error
    finally:
        connection.close()
