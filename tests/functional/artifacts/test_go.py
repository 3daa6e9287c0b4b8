"""Provider ``go`` builds a real, tiny Go program without any network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from saltern import paths
from saltern.artifacts import toolchain
from saltern.artifacts.fetch import ENV_CACHE, Settings, fetch
from saltern.artifacts.providers.go import GoProvider
from saltern.artifacts.store import Store
from saltern.errors import Problems

MANIFEST = """
platform: linux_amd64
providers: [go]
artifacts:
  - name: hello
    version: 1.2.3
    licence: MIT
    kind: binary
    file: hello
    go:
      wrapper: go/hello
      module: example.org/hello
      tags: [loud]
      ldflags: -s -w -X main.word=salt
      cgo: false
      typical: 10s
"""
MAIN = 'package main\n\nvar word = "unset"\n\nfunc main() { print(greeting, word) }\n'


@pytest.fixture(scope="module")
def go_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go's caches of this test, with the toolchain that the machine's cache may hold."""
    shared = Path(os.environ.get(ENV_CACHE) or paths.CACHE) / "go"
    if toolchain.find(shared) is None:
        toolchain.install(shared)
    found = toolchain.find(shared)
    assert found is not None
    os.environ["PATH"] = f"{Path(found.path).parent}:{os.environ['PATH']}"
    return tmp_path_factory.mktemp("go")


@pytest.fixture
def settings(tmp_path: Path, go_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("GOPROXY", "off")  # whatever is not here cannot be had
    monkeypatch.setenv("GOFLAGS", "-mod=mod")  # the caller's environment must not loosen the pinned sums
    monkeypatch.delenv("SALTERN_ARTIFACT_PROVIDERS", raising=False)
    module, wrapper = tmp_path / "module", tmp_path / "go/hello"
    for directory, text in (
        (module, "module example.org/hello\ngo 1.26\n"),
        (wrapper, "module w\ngo 1.26\nrequire example.org/hello v1.2.3\nreplace example.org/hello => ../../module\n"),
    ):
        directory.mkdir(parents=True)
        (directory / "go.mod").write_text(text)
    (wrapper / "go.sum").write_text("")
    (module / "main.go").write_text(MAIN)
    (module / "loud.go").write_text('//go:build loud\n\npackage main\n\nconst greeting = "HELLO "\n')
    (module / "quiet.go").write_text('//go:build !loud\n\npackage main\n\nconst greeting = "hello "\n')
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "go").symlink_to(go_cache)
    return Settings(store=tmp_path / "store", manifest=tmp_path / "manifest.yaml", cache=cache)


def run(settings: Settings, *, rebuild: bool = False) -> tuple[bool, str]:
    (fetched,) = fetch([], settings, lambda progress: None, lambda text: None, rebuild=rebuild)
    program = Store(settings.store).path(fetched.entry)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return fetched.new, done.stderr


def test_tags_and_flags_reach_the_program_which_is_built_once_and_equal(settings: Settings):
    assert run(settings) == (True, "HELLO salt")
    entry = Store(settings.store).entry("hello", "1.2.3")
    assert entry is not None
    assert (entry.provider, entry.source.startswith("example.org/hello go1.")) == ("go", True)
    assert len(entry.key) == len(entry.recipe) == 64
    assert run(settings) == (False, "HELLO salt")
    assert run(settings, rebuild=True) == (True, "HELLO salt")
    assert Store(settings.store).entry("hello", "1.2.3") == entry


def test_changed_flags_build_again(settings: Settings):
    run(settings)
    settings.manifest.write_text(MANIFEST.replace("word=salt", "word=pepper"))
    assert run(settings) == (True, "HELLO pepper")


def test_a_program_that_does_not_compile_tells_the_compilers_words(settings: Settings, tmp_path: Path):
    (tmp_path / "module/main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(Problems, match=r"undefined: nonsense(.|\n)*Cure: read .*hello-1\.2\.3\.log"):
        run(settings)
    assert Store(settings.store).entries() == []


def test_a_module_without_a_pinned_sum_is_not_built(settings: Settings, tmp_path: Path):
    (tmp_path / "go/hello/go.mod").write_text("module w\ngo 1.26\nrequire example.org/hello v1.2.3\n")
    with pytest.raises(Problems, match="missing go.sum entry"):
        run(settings)


def test_trim_removes_the_caches(settings: Settings, tmp_path: Path):
    cache = tmp_path / "own"
    for name in ("mod", "build"):
        (cache / name / "deep").mkdir(parents=True)
    GoProvider(cache).trim()
    assert [one.name for one in cache.iterdir()] == []
