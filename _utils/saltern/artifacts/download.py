"""Downloads over verified HTTPS into a file, resuming what is there; sums are checked by :func:`expect`."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from saltern.artifacts import files
from saltern.artifacts.model import Progress, Report
from saltern.errors import ArtifactError

TIMEOUT = 20  # seconds without any answer or byte


class ChecksumMismatch(ArtifactError):
    """What came is not what was pinned. Never answered by trying somewhere else: someone has to look at it."""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise ArtifactError(f"{req.full_url} redirects to {newurl}, which is not HTTPS.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, target: Path, *, ca_file: str = "", report: Report | None = None, after: float = 0.0) -> None:
    """Download ``url`` into ``target``; bytes that an earlier try left there are not loaded again.

    :param ca_file: PEM file of the only roots to trust; the system's trust store when empty.
    :param report: told about the progress after every block.
    :param after: typical seconds of what comes after this download, for ``report``.
    :raises ArtifactError: when the URL cannot be had whole; what came so far stays for the next try.
    """
    if urlsplit(url).scheme != "https":
        raise ArtifactError(f"{url} is not HTTPS.", cure="give an https:// URL")
    have = target.stat().st_size if target.exists() else 0
    with _errors(url), _open(url, have, ca_file) as response:
        resumed = response.status == 206
        total = int(response.headers.get("Content-Length") or 0) + (have if resumed else 0)
        started, done = time.monotonic(), have if resumed else 0
        with target.open("ab" if resumed else "wb") as file:
            while block := response.read(files.BLOCK):
                file.write(block)
                done += len(block)
                if report:
                    report(Progress(f"downloading {url}", time.monotonic() - started, 0, after, done, total))
    if total and done != total:
        raise ArtifactError(
            f"{url} ended after {done} of {total} bytes.", cure="try again: the download goes on where it stopped"
        )


def verified(
    url: str, target: Path, sha256: str, *, ca_file: str = "", report: Report | None = None, after: float = 0.0
) -> None:
    """Download ``url`` into ``target`` and check its sum.

    When bytes of an earlier try were used and the sum is wrong, the download is made once more from its beginning.

    :raises ChecksumMismatch: the file is deleted then.
    :raises ArtifactError: see :func:`fetch`.
    """
    resumed = target.exists()
    fetch(url, target, ca_file=ca_file, report=report, after=after)
    if resumed and files.sha256_of(target) != sha256:
        target.unlink()
        fetch(url, target, ca_file=ca_file, report=report, after=after)
    expect(target, sha256, url)


def expect(path: Path, sha256: str, where: str) -> None:
    """Delete ``path`` and refuse when its sum is not ``sha256``.

    :raises ChecksumMismatch: naming both sums.
    """
    found = files.sha256_of(path)
    if found != sha256:
        path.unlink()
        raise ChecksumMismatch(
            f"Wrong checksum: {where} has sha256 {found}, pinned is {sha256}. Nothing was installed.",
            cure="find out which of the two is right before anything else: the pinned sum, or what was downloaded",
        )


def _open(url: str, have: int, ca_file: str) -> Any:
    context = ssl.create_default_context(cafile=ca_file or None)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _HttpsOnly())
    headers = {"User-Agent": "saltern"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)  # noqa: S310 - https, see fetch
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # all bytes are here, or another file's: the sum decides
            return opener.open(urllib.request.Request(url, headers={"User-Agent": "saltern"}), timeout=TIMEOUT)  # noqa: S310
        raise


@contextmanager
def _errors(url: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        raise ArtifactError(f"{url} answers {error.code} {error.reason}.") from error
    except urllib.error.URLError as error:
        raise ArtifactError(f"{url} cannot be reached: {error.reason}.") from error
    except (ssl.SSLError, HTTPException, OSError) as error:
        raise ArtifactError(f"{url} cannot be downloaded: {error or type(error).__name__}.") from error
