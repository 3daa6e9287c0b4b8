"""Providers are asked in order, the first that can serves, nothing is fetched twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifacts_support import CONTENT, put
from saltern.artifacts import fetch as fetching
from saltern.artifacts.download import ChecksumMismatch
from saltern.artifacts.fetch import Fetched, Settings
from saltern.artifacts.model import Artifact, GoBuild, Manifest, Report, Supplied
from saltern.artifacts.providers.go import recipe
from saltern.artifacts.store import Store
from saltern.errors import ArtifactError, Problems


class Fake:
    """A provider that serves ``content``, or raises ``error``."""

    def __init__(self, name: str, content: bytes = CONTENT, error: Exception | None = None, able: bool = True) -> None:
        self.name, self.content, self.error, self.able = name, content, error, able
        self.asked = 0

    def declared(self, artifact: Artifact) -> bool:
        return self.able

    def supply(self, artifact: Artifact, work: Path, report: Report, after: float) -> Supplied:
        self.asked += 1
        if self.error:
            raise self.error
        path = work / artifact.file
        path.write_bytes(self.content)
        return Supplied(path, source=f"made by {self.name}")


class Bench:
    """Runs a fetch with given providers over a made-up list."""

    def __init__(self, store: Store, artifacts: list[Artifact], monkeypatch: pytest.MonkeyPatch) -> None:
        self.store, self.said, self._patch = store, list[str](), monkeypatch
        listed = Manifest("linux_amd64", ("file", "release", "go"), tuple(artifacts))
        monkeypatch.setattr(fetching.manifests, "load", lambda path: listed)

    def run(self, *providers: Fake, names: tuple[str, ...] = (), rebuild: bool = False) -> list[Fetched]:
        self._patch.setattr(fetching, "providers", lambda settings, manifest: list(providers))
        settings = Settings(store=self.store.root)
        return fetching.fetch(names, settings, lambda progress: None, self.said.append, rebuild=rebuild)


@pytest.fixture
def bench(store: Store, artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(store, [artifact], monkeypatch)


def test_the_first_provider_that_can_serves_and_is_named(bench: Bench):
    unable, failing = Fake("file", able=False), Fake("release", error=ArtifactError("no network"))
    serving, never = Fake("go"), Fake("image")
    (fetched,) = bench.run(unable, failing, serving, never)
    assert [one.asked for one in (unable, failing, serving, never)] == [0, 1, 1, 0]
    assert fetched.new
    assert fetched.entry.provider == "go"
    assert fetched.refused == ("release: no network",)
    assert bench.said == ["tool 1.2.3: served by provider go from made by go"]


def test_what_is_in_the_store_is_not_fetched_again_unless_asked_for(bench: Bench):
    first, again = Fake("go"), Fake("go")
    bench.run(first)
    (fetched,) = bench.run(again)
    assert (fetched.new, again.asked) == (False, 0)
    bench.run(again, rebuild=True)
    assert again.asked == 1


def test_a_wrong_checksum_ends_the_search(bench: Bench, store: Store):
    never = Fake("go")
    with pytest.raises(ChecksumMismatch):
        bench.run(Fake("release", error=ChecksumMismatch("wrong sum")), never)
    assert never.asked == 0
    assert store.entries() == []


def test_every_reason_is_told_and_the_other_artifacts_are_served(
    store: Store, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
):
    other = Artifact("other", "2.0.0", "MIT", "binary", "other")
    bench = Bench(store, [artifact, other], monkeypatch)

    class OnlyOther(Fake):
        def declared(self, artifact: Artifact) -> bool:
            return artifact.name == "other"

    with pytest.raises(Problems) as caught:
        bench.run(Fake("file", error=ArtifactError("not here")), OnlyOther("go"))
    assert "No provider could serve tool 1.2.3" in str(caught.value)
    assert "file: not here" in str(caught.value)
    assert [entry.name for entry in store.entries()] == ["other"]


def test_changed_build_instructions_make_an_artifact_stale(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wrapper = tmp_path / "wrapper"
    wrapper.mkdir()
    (wrapper / "go.mod").write_text("module wrapper\n")
    (wrapper / "go.sum").write_text("")
    build = GoBuild(wrapper, "example.org/tool", (), "-s", False, 1)
    built = Artifact("tool", "1.2.3", "MIT", "binary", "tool", go=build)
    put(store, built, recipe=recipe(build))
    bench, provider = Bench(store, [built], monkeypatch), Fake("go")
    bench.run(provider)
    assert provider.asked == 0
    (wrapper / "go.sum").write_text("another sum\n")
    bench.run(provider)
    assert provider.asked == 1


def test_unknown_names_and_versions_are_all_told(bench: Bench):
    with pytest.raises(Problems) as caught:
        bench.run(Fake("go"), names=("tool@9.9.9", "nothing"))
    assert "tool@9.9.9" in str(caught.value)
    assert "nothing" in str(caught.value)


MANIFEST = Manifest("linux_amd64", ("file", "release", "go", "image"), ())


def test_the_callers_order_beats_the_environments_beats_the_lists(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(fetching.ENV_ORDER, raising=False)
    assert fetching.order(Settings(), MANIFEST) == ("file", "release", "go", "image")
    monkeypatch.setenv(fetching.ENV_ORDER, "go, file")
    assert fetching.order(Settings(), MANIFEST) == ("go", "file")
    assert fetching.order(Settings(order=("release",)), MANIFEST) == ("release",)
    assert [one.name for one in fetching.providers(Settings(order=("image", "go")), MANIFEST)] == ["image", "go"]
    with pytest.raises(ArtifactError, match="Unknown provider: ftp"):
        fetching.order(Settings(order=("ftp",)), MANIFEST)
