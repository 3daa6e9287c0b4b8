"""Shares for operators: enough give the secret back, too few do not."""

import os
import stat
import uuid
from itertools import combinations

import pytest

from saltern.custody import Custody, combine, split
from saltern.errors import JournalError

HOLDERS = ("ada", "barbara", "grace", "hedy", "mary")


def test_any_three_of_five_give_it_back_and_two_do_not():
    secret = str(uuid.uuid4())
    shares = split(secret, 3, HOLDERS)
    assert set(shares) == set(HOLDERS)
    assert {combine([shares[who] for who in trio]) for trio in combinations(HOLDERS, 3)} == {secret}
    assert all(combine([shares[who] for who in pair]) != secret for pair in combinations(HOLDERS, 2))


@pytest.mark.parametrize("shares", [["rubbish"], ["1-zz", "2-00"], ["1-" + "00" * 16] * 2])
def test_wrong_shares_are_one_clear_error(shares):
    with pytest.raises(JournalError, match="do not fit"):
        combine(shares)


def test_custody_keeps_lists_and_drops(tmp_path):
    custody = Custody(str(tmp_path / "custody"))
    assert (custody.holders("x"), custody.secrets()) == ((), {})
    custody.put("x", {"ada": "AAAA", "mary": "BBBB"})
    custody.put("x", {"ada": "CCCC", "grace": "DDDD"})
    assert custody.holders("x") == ("ada", "grace")
    assert custody.share("x", "ada").strip() == "CCCC"
    assert list(custody.secrets()) == ["x"]
    folder = os.path.join(custody.directory, "x")
    assert stat.S_IMODE(os.stat(os.path.join(folder, "ada.b64")).st_mode) == 0o600
    with pytest.raises(JournalError, match="cluster.custody"):
        custody.share("x", "mary")
    custody.drop("x")
    assert (custody.secrets(), os.listdir(custody.directory)) == ({}, [])
