"""The runner that judges everything else: it must not count a failure as a success."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from runner.house_rules import broad_except, check
from runner.preparation import Preparation, wait
from runner.process import TIMED_OUT, Watch, run
from runner.tally import Tally, failure, from_junit, of_pytest
from saltern.waiting import until

JUNIT = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="no"/></testcase>
<testcase classname="a" name="broken"><error message="no fixture"/></testcase>
<testcase classname="a" name="later"><skipped type="pytest.skip" message="needs a lab"/></testcase>
<testcase classname="a" name="known"><skipped type="pytest.xfail" message="salt#1"/></testcase>
</testsuite></testsuites>"""
GREEN = '<testsuites><testsuite><testcase classname="a" name="good"/></testsuite></testsuites>'


@pytest.fixture
def project(tmp_path):
    """An empty project under git."""
    run(["git", "init", "--quiet", "."], tmp_path, {}, Watch(tmp_path / "git.log", 30, str))
    (tmp_path / "git.log").unlink()
    return tmp_path


def python(code: str, tmp_path: Path, timeout: float):
    return run([sys.executable, "-c", code], tmp_path, {}, Watch(tmp_path / "log", timeout, str, echo=False))


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has asked for its exit status counts."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_junit_counts_errors_as_failures_and_keeps_reasons(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(JUNIT)
    tally = from_junit(report)
    assert (tally.passed, tally.failed, tally.skipped) == (2, 2, 1)
    assert tally.failures == ("a::bad", "a::broken")
    assert tally.skips == ("a::later: needs a lab",)


@pytest.mark.parametrize(
    ("exit_code", "selected", "failed"),
    [(0, False, 0), (5, True, 0), (5, False, 1), (1, False, 1), (3, False, 1), (4, True, 1)],
)
def test_an_exit_code_without_a_failed_test_is_still_a_failure(tmp_path, exit_code, selected, failed):
    report = tmp_path / "report.xml"
    report.write_text(GREEN)
    assert of_pytest(report, exit_code, selected=selected).failed == failed


def test_a_missing_report_is_a_failure(tmp_path):
    assert of_pytest(tmp_path / "none.xml", 0, selected=False).failed == 1


def test_the_closing_line_is_plain():
    assert Tally(passed=3).closing_line() == "3 passed, 0 failed"
    assert (Tally(2, 0, 1) + failure("x")).closing_line() == "2 passed, 1 failed, 1 skipped"


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path):
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '300']); print(p.pid, flush=True); p.wait()"
    begin = time.monotonic()
    outcome = python(code, tmp_path, 1.5)
    assert outcome.exit_code == TIMED_OUT
    assert outcome.timed_out
    assert time.monotonic() - begin < 20
    child = int((tmp_path / "log").read_text().strip())
    until(lambda: gone(child), "the child's end", seconds=10)


def test_a_command_keeps_its_exit_code_and_its_output(tmp_path):
    outcome = python("print('said'); raise SystemExit(7)", tmp_path, 30)
    assert outcome.exit_code == 7
    assert (tmp_path / "log").read_text() == "said\n"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("#!/bin/sh\nexit 0\n", ""),
        ("#!/bin/sh\necho no space left\nexit 3\n", "no space left"),
        ("#!/bin/sh\nexec sleep 300\n", "ended with"),
        (None, "No such file"),
    ],
)
def test_a_preparation_that_fails_hangs_or_is_missing_is_told(tmp_path, script, problem):
    if script is not None:
        (tmp_path / "prepare").write_text(script)
        (tmp_path / "prepare").chmod(0o755)
    preparation = Preparation("artifacts", (str(tmp_path / "prepare"),), tmp_path / "log", 1.0)
    preparation.launch(tmp_path, {})
    problems = wait([preparation], time.monotonic() + 30)
    assert bool(problems) == bool(problem)
    assert problem in "".join(problems)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        ("file_length", "long.py", "x = 1\n" * 401),
        ("words", "docs/index.md", "see .." + "/shared/NOTES\n"),
        ("function_length", "_utils/a.py", "def f():\n" + "    x = 1\n" * 41),
        ("parameters", "_utils/a.py", "def f(a, b, c, d, *, e, f, g, h): ...\n"),
        ("broad_except", "lab/a.py", "try:\n    x = 1\nexcept (OSError, Exception):\n    x = 2\n"),
        ("sleeping", "_utils/a.py", "import time\nwhile True:\n    time.sleep(1)\n"),
        ("sleeping", "tests/a.py", "import time\ntime.sleep(1)\n"),
        ("salt_free", "_utils/saltern/a.py", "from salt.exceptions import SaltException\n"),
        ("loader_docstrings", "_modules/a.py", 'def f():\n    """Does it."""\n'),
        ("loader_docstrings", "_states/a.py", "def f():\n    return {}\n"),
    ],
)
def test_each_house_rule_finds_its_offence(project, rule, path, text):
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found = check(project)
    assert [finding.split(":")[0] for finding in found.pop(rule)] == [path]
    assert not any(found.values()), found


def test_house_rules_leave_good_code_alone(project):
    (project / "_modules").mkdir()
    (project / "_modules" / "a.py").write_text(
        'def f():\n    """Does it.\n\n    CLI Example: ``salt x a.f``\n    """\n'
    )
    (project / "waiting.py").write_text("import time\ntime.sleep(1)\n")
    (project / "tests").mkdir()
    (project / "tests" / "a.py").write_text("import time\nwhile not ready():\n    time.sleep(1)\n")
    assert not any(check(project).values())


def test_a_named_error_may_be_caught():
    import ast

    tree = ast.parse("try:\n    x = 1\nexcept (OSError, ValueError):\n    x = 2\n")
    assert list(broad_except(Path("a.py"), tree)) == []
