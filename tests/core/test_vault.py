"""Secrets at rest, their key and their references."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.errors import Invalid, LimitExceeded, Unavailable
from ionflux_core.vault import (
    Sealed,
    Vault,
    key_id_of,
    load_key,
    new_key,
    reference_name,
    references,
    rotate_key_file,
)

KEY = bytes(range(32))
VAULT = Vault(KEY, "k1")


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
def test_value_comes_back_and_never_stands_in_the_ciphertext(value: str) -> None:
    sealed = VAULT.seal("w1", "token", value)
    assert VAULT.open("w1", "token", sealed) == value
    assert len(value) < 4 or value.encode() not in sealed.ciphertext


def test_sealing_twice_gives_different_ciphertexts() -> None:
    assert VAULT.seal("w1", "token", "same").ciphertext != VAULT.seal("w1", "token", "same").ciphertext


@pytest.mark.parametrize(("workspace", "name"), [("w2", "token"), ("w1", "other"), ("w1/token", "x")])
def test_ciphertext_copied_to_another_row_is_refused(workspace: str, name: str) -> None:
    with pytest.raises(Unavailable, match="another row"):
        VAULT.open(workspace, name, VAULT.seal("w1", "token", "s3cret"))


@given(st.integers(min_value=0, max_value=33), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(position: int, flip: int) -> None:
    sealed = VAULT.seal("w1", "token", "s3cret")
    changed = bytearray(sealed.ciphertext)
    changed[position % len(changed)] ^= flip
    with pytest.raises(Unavailable):
        VAULT.open("w1", "token", Sealed("k1", bytes(changed)))


@pytest.mark.parametrize("ciphertext", [b"", b"short", b"x" * 12])
def test_cut_ciphertext_is_refused_with_the_same_sentence(ciphertext: bytes) -> None:
    with pytest.raises(Unavailable, match="Enter its value again"):
        VAULT.open("w1", "token", Sealed("k1", ciphertext))


def test_rotation_keeps_the_value_and_retires_the_old_key() -> None:
    new = Vault(b"n" * 32, "k2", {"k1": KEY})
    sealed = VAULT.seal("w1", "token", "s3cret")
    assert new.needs_rotation(sealed)
    rotated = new.rotate("w1", "token", sealed)
    assert rotated.key_id == "k2" and not new.needs_rotation(rotated)
    assert Vault(b"n" * 32, "k2").open("w1", "token", rotated) == "s3cret"


def test_unknown_key_names_the_key_and_the_next_step() -> None:
    with pytest.raises(Unavailable, match=r"k1.*not loaded") as caught:
        Vault(b"n" * 32, "k2").open("w1", "token", VAULT.seal("w1", "token", "s3cret"))
    assert "Put the earlier key back" in caught.value.hint


def test_values_have_bounds() -> None:
    with pytest.raises(LimitExceeded):
        VAULT.seal("w1", "token", "x" * 20_000)
    with pytest.raises(Invalid):
        VAULT.seal("w1", "token", "")
    with pytest.raises(Invalid):
        Vault(b"short", "k1")


def test_first_start_makes_a_private_key_file_and_the_next_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "config" / "ionflux" / "key"
    first = load_key(None, path, data_folder=tmp_path / "data")
    second = load_key(None, path, data_folder=tmp_path / "data")
    assert first.created and not second.created and first.key == second.key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]
    assert first.key.hex() not in repr(first) and repr(first.key) not in repr(first)


def test_many_processes_starting_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_key(None, tmp_path / "key"), range(16)))
    assert len({key.key for key in keys}) == 1
    assert sum(key.created for key in keys) == 1


def test_missing_key_file_with_secrets_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"key file .* is missing") as caught:
        load_key(None, tmp_path / "key", secrets_exist=True)
    assert "Restore the file" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_key_file_inside_the_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="inside the data folder"):
        load_key(None, tmp_path / "data" / "sub" / ".." / "key", data_folder=tmp_path / "data")


@pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX thing")
def test_key_file_readable_by_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_key(None, path)
    path.chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        load_key(None, path)


def test_environment_key_wins_and_may_list_older_ones(tmp_path: Path) -> None:
    current, old = new_key(), new_key()
    loaded = load_key(f"{current},{old}", tmp_path / "key")
    assert loaded.key == base64.urlsafe_b64decode(current)
    assert list(loaded.old_keys) == [key_id_of(base64.urlsafe_b64decode(old))]
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("text", ["password", "aGVsbG8=", "ä" * 44, "A" * 45])
def test_weak_or_broken_environment_key_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="256-bit key") as caught:
        load_key(text, tmp_path / "key")
    assert text not in str(caught.value)


def test_empty_key_file_is_not_taken_for_a_first_start(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    with pytest.raises(Unavailable, match="holds no key"):
        load_key(None, path)


def test_rotated_key_file_opens_old_values(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealed = Vault.from_key(load_key(None, path)).seal("w1", "token", "s3cret")
    rotate_key_file(path)
    vault = Vault.from_key(load_key(None, path))
    assert vault.needs_rotation(sealed) and vault.open("w1", "token", sealed) == "s3cret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_key(None, Path("~/.config/ionflux/key")).created
    assert (tmp_path / ".config" / "ionflux" / "key").is_file()


def test_references_are_found_in_a_tree_and_bad_names_are_named() -> None:
    assert reference_name("secret://shop.token-1") == "shop.token-1"
    assert reference_name("see secret://x") is None
    assert list(references({"a": ["secret://one", {"b": "secret://two"}], "c": 3, "d": b"x"})) == ["one", "two"]
    for bad in ("secret://", "secret://a b", "secret://../x", "secret://1a", "secret://" + "a" * 64, "secret://a\n"):
        with pytest.raises(Invalid, match="secret's name"):
            reference_name(bad)
