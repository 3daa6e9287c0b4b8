"""Fills a store: asks the providers in order, says which one served, builds or loads nothing twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from saltern import paths
from saltern.artifacts import manifest as manifests
from saltern.artifacts.download import ChecksumMismatch
from saltern.artifacts.model import PROVIDERS, Artifact, Entry, Manifest, Report
from saltern.artifacts.providers import Provider
from saltern.artifacts.providers.file import FileProvider
from saltern.artifacts.providers.go import GoProvider
from saltern.artifacts.providers.go import recipe as go_recipe
from saltern.artifacts.providers.image import ImageProvider
from saltern.artifacts.providers.image import recipe as image_recipe
from saltern.artifacts.providers.release import ReleaseProvider
from saltern.artifacts.store import Store
from saltern.errors import ArtifactError, Problem, Problems

ENV_CACHE = "SALTERN_CACHE"
ENV_ORDER = "SALTERN_ARTIFACT_PROVIDERS"  # comma-separated, replaces the manifest's order
ENV_FILES = "SALTERN_ARTIFACT_FILES"  # colon-separated directories of provider `file`


@dataclass(frozen=True)
class Settings:
    """Where to fetch from and to.

    :param order: providers to ask, in this order; empty: as :data:`ENV_ORDER` or else the manifest says.
    :param directories: of provider ``file``; empty: as :data:`ENV_FILES` says, or the cache's ``artifacts``.
    :param install_tools: install Go, a C compiler and busybox-static when they are missing.
    :param ca_file: PEM file of the only roots that provider ``release`` trusts; empty: the system's.
    """

    store: Path = field(default_factory=lambda: Path(paths.ARTIFACT_STORE))
    manifest: Path = field(default_factory=lambda: Path(paths.REPOSITORY) / manifests.FILE_NAME)
    cache: Path = field(default_factory=lambda: Path(os.environ.get(ENV_CACHE) or paths.CACHE))
    order: tuple[str, ...] = ()
    directories: tuple[Path, ...] = ()
    install_tools: bool = False
    ca_file: str = ""


@dataclass(frozen=True)
class Fetched:
    """One artifact that is now in the store. ``new`` is false when it was there already."""

    entry: Entry
    new: bool
    refused: tuple[str, ...] = ()  # what the providers before said

    def sentence(self) -> str:
        """What happened, for people."""
        place = f"{self.entry.name} {self.entry.version}"
        if not self.new:
            return f"{place}: already in the store (provider {self.entry.provider})"
        return f"{place}: served by provider {self.entry.provider} from {self.entry.source}"


def order(settings: Settings, manifest: Manifest) -> tuple[str, ...]:
    """The providers to ask: the caller's order, else the environment's, else the manifest's.

    :raises ArtifactError: for an unknown name.
    """
    environment = tuple(name.strip() for name in os.environ.get(ENV_ORDER, "").split(",") if name.strip())
    chosen = settings.order or environment or manifest.providers
    unknown = [name for name in chosen if name not in PROVIDERS]
    if unknown:
        raise ArtifactError(f"Unknown provider: {', '.join(unknown)}.", cure=f"choose of {', '.join(PROVIDERS)}")
    return chosen


def providers(settings: Settings, manifest: Manifest) -> list[Provider]:
    """The providers themselves, in order."""
    release = ReleaseProvider(manifest.platform, settings.ca_file)
    known: dict[str, Callable[[], Provider]] = {
        "release": lambda: release,
        "go": lambda: GoProvider(settings.cache / "go", install_tools=settings.install_tools),
        "file": lambda: FileProvider(_directories(settings), release),
        "image": lambda: ImageProvider(install_tools=settings.install_tools),
    }
    return [known[name]() for name in order(settings, manifest)]


def select(manifest: Manifest, names: Iterable[str]) -> list[Artifact]:
    """The pinned artifacts of these names (``consul`` or ``consul@1.21.0``); all of them without names.

    :raises Problems: naming every unknown one.
    """
    wanted = list(names)
    found: dict[tuple[str, str], Artifact] = {}
    problems = []
    for one in wanted:
        name, _, version = one.partition("@")
        matching = [item for item in manifest.artifacts if item.name == name and version in ("", item.version)]
        if not matching:
            known = ", ".join(f"{item.name}@{item.version}" for item in manifest.artifacts)
            problems.append(Problem(f"{one} is not in the list of artifacts.", cure=f"choose of {known}"))
        found.update({(item.name, item.version): item for item in matching})
    if problems:
        raise Problems("Unknown artifacts; nothing was fetched.", problems)
    return list(found.values()) if wanted else list(manifest.artifacts)


def fetch(
    names: Iterable[str],
    settings: Settings,
    report: Report,
    say: Callable[[str], None],
    *,
    rebuild: bool = False,
) -> list[Fetched]:
    """Bring the named artifacts (all without names) into the store.

    Every artifact is tried, so that one that fails does not cost the others; what is finished stays.

    :param report: told about the progress of long tasks.
    :param say: told what happened to each artifact, in one sentence.
    :param rebuild: fetch again what is in the store already.
    :raises ChecksumMismatch: at once, when something is not what was pinned.
    :raises Problems: naming every artifact that no provider could serve, with each provider's reason.
    """
    manifest = manifests.load(settings.manifest)
    wanted = select(manifest, names)
    asked = providers(settings, manifest)
    store = Store(settings.store)
    store.prepare()
    done: list[Fetched] = []
    problems: list[Problem] = []
    with store.lock(lambda: say(f"another process fills {store.root}: waiting for it")):
        held = {} if rebuild else {one: entry for one in wanted if (entry := _current(one, store))}
        for index, artifact in enumerate(wanted):
            after = sum(_typical(one) for one in wanted[index + 1 :] if one not in held)
            try:
                entry = held.get(artifact)
                one = Fetched(entry, new=False) if entry else _ask(artifact, store, asked, report, after)
            except Problem as problem:
                problems.append(problem)
                say(str(problem))
            else:
                done.append(one)
                say(one.sentence())
    if problems:
        raise Problems("Some artifacts could not be fetched; the others are in the store.", problems)
    return done


def _ask(artifact: Artifact, store: Store, asked: list[Provider], report: Report, after: float) -> Fetched:
    refused: list[str] = []
    work = store.work(artifact)
    for provider in [one for one in asked if one.declared(artifact)]:
        try:
            supplied = provider.supply(artifact, work, report, after)
            return Fetched(store.add(artifact, supplied, provider.name), new=True, refused=tuple(refused))
        except ChecksumMismatch:
            raise
        except ArtifactError as error:
            refused.append(f"{provider.name}: {error}")
        except OSError as error:
            raise Problem(f"{error}.", where=artifact.label, cure="check free space and rights") from error
    told = "".join(f"\n      {line}" for line in refused) or " none is declared for it."
    raise Problem(f"No provider could serve {artifact.label}:{told}")


def _current(artifact: Artifact, store: Store) -> Entry | None:
    """What the store holds of it, unless its build instructions changed since."""
    entry = store.entry(artifact.name, artifact.version)
    if entry is None or not entry.recipe:
        return entry
    wanted = go_recipe(artifact.go) if artifact.go else image_recipe(artifact)
    return entry if entry.recipe == wanted else None


def _typical(artifact: Artifact) -> int:
    return artifact.go.typical if artifact.go else 0


def _directories(settings: Settings) -> tuple[Path, ...]:
    """Directories of provider ``file``, without the store that is being filled."""
    environment = tuple(Path(one) for one in os.environ.get(ENV_FILES, "").split(":") if one)
    chosen = settings.directories or environment or (settings.cache / "artifacts",)
    return tuple(one for one in chosen if one.resolve() != settings.store.resolve())
