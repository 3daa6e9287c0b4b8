"""Provider ``release``: the publisher's own archive, over verified HTTPS, with a pinned sum."""

from __future__ import annotations

import zipfile
from pathlib import Path

from saltern.artifacts import download, files
from saltern.artifacts.model import Artifact, Report, Supplied
from saltern.errors import ArtifactError


class ReleaseProvider:
    """Downloads a zip, checks its sum, takes one file out of it.

    :param platform: of the manifest, such as ``linux_amd64``.
    :param ca_file: PEM file of the only roots to trust; the system's trust store when empty.
    """

    name = "release"

    def __init__(self, platform: str, ca_file: str = "") -> None:
        self._platform, self._ca_file = platform, ca_file

    def declared(self, artifact: Artifact) -> bool:
        """Whether the manifest names a release."""
        return artifact.release is not None

    def url(self, artifact: Artifact) -> str:
        """The archive's address."""
        assert artifact.release is not None  # noqa: S101 - callers ask `declared` first
        return artifact.release.url.format(name=artifact.name, version=artifact.version, platform=self._platform)

    def supply(self, artifact: Artifact, work: Path, report: Report, after: float) -> Supplied:
        """Download, verify, unpack."""
        assert artifact.release is not None  # noqa: S101 - callers ask `declared` first
        url, pinned = self.url(artifact), artifact.release.sha256
        if not pinned:
            raise ArtifactError(f"The manifest states no sha256 of {url}.", cure=_cure(url, artifact))
        archive = work / "release.zip.part"
        download.verified(url, archive, pinned, ca_file=self._ca_file, report=report, after=after)
        member = unpack(archive, artifact.release.member, work, url)
        archive.unlink()
        return Supplied(member, source=f"{url} sha256:{pinned}")


def unpack(archive: Path, member: str, work: Path, where: str) -> Path:
    """Take one file out of a zip.

    :raises ArtifactError: when the archive is broken or does not hold the file.
    """
    target = work / member
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as reader, target.open("wb") as writer:
            while block := reader.read(files.BLOCK):
                writer.write(block)
    except KeyError as error:
        raise ArtifactError(f"{where} holds no file {member}.", cure="correct `member` in the manifest") from error
    except zipfile.BadZipFile as error:
        raise ArtifactError(f"{where} is not a whole zip: {error}.") from error
    return target


def _cure(url: str, artifact: Artifact) -> str:
    sums = f"{url.rsplit('/', 1)[0]}/{artifact.name}_{artifact.version}_SHA256SUMS"
    return (
        f"download {sums} and {sums}.sig, check the signature with the publisher's PGP key "
        f"(gpg --verify SHA256SUMS.sig SHA256SUMS), and write the sum of {url.rsplit('/', 1)[1]} to the manifest "
        f"under {artifact.name}: release: sha256"
    )
