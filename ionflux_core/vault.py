"""Secrets at rest: AES-256-GCM values bound to their row, the key they need, and `secret://name` references."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ionflux_core import limits
from ionflux_core.errors import Invalid, LimitExceeded, Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12
SCHEME = "secret://"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_NAME_RULE = "A secret's name starts with a letter and has up to 63 letters, digits, dots, dashes or underscores."


@dataclass(frozen=True, slots=True)
class VaultKey:
    """The key in use, its id, and older keys that still open what they sealed; `created` at a first start."""

    key: bytes = field(repr=False)
    key_id: str
    old_keys: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    created: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value (nonce, ciphertext and tag in one) and the id of the key that opens it."""

    key_id: str
    ciphertext: bytes


class Vault:
    """Seals and opens secret values; a ciphertext only opens under the workspace and name it was sealed for."""

    def __init__(self, key: bytes, key_id: str, old_keys: Mapping[str, bytes] | None = None) -> None:
        self.key_id = key_id
        self._keys = {**(old_keys or {}), key_id: key}
        if any(len(each) != KEY_BYTES for each in self._keys.values()):
            raise Invalid("A vault key must have 32 bytes.", hint="Make one with `ionflux_core.vault.new_key()`.")

    @classmethod
    def from_key(cls, loaded: VaultKey) -> Vault:
        """A vault over what `load_key` found."""
        return cls(loaded.key, loaded.key_id, loaded.old_keys)

    def seal(self, workspace_id: str, name: str, value: str) -> Sealed:
        """The encrypted value; LimitExceeded above `limits.SECRET_BYTES`, Invalid for a bad name or no value."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        plain = value.encode()
        if not plain:
            raise Invalid("A secret cannot be empty.", hint="Enter its value, or archive the secret.")
        if len(plain) > limits.SECRET_BYTES:
            raise LimitExceeded(
                "The secret is too long.", hint=f"A secret holds up to {limits.SECRET_BYTES // limits.KIB} KiB."
            )
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._keys[self.key_id]).encrypt(nonce, plain, _row(workspace_id, name))
        return Sealed(self.key_id, nonce + sealed)

    def open(self, workspace_id: str, name: str, sealed: Sealed) -> str:
        """The value; Unavailable when its key is missing, or when it was changed or belongs to another row."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(sealed.key_id)
        if key is None:
            raise Unavailable(
                f"The secret '{name}' was encrypted with key {sealed.key_id}, which is not loaded.",
                hint="Put the earlier key back (IONFLUX_KEY or the key file), or enter the secret's value again.",
                code="secret_key_missing",
            )
        nonce, body = sealed.ciphertext[:NONCE_BYTES], sealed.ciphertext[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, body, _row(workspace_id, name)).decode()
        except (InvalidTag, ValueError):
            # From None: the cryptography error says nothing a user can act on.
            raise Unavailable(
                f"The secret '{name}' cannot be read: it was changed, or it belongs to another row.",
                hint="Enter its value again in Settings, Secrets.",
                code="secret_unreadable",
            ) from None

    def can_open(self, key_id: str) -> bool:
        """Whether the key of this id is loaded."""
        return key_id in self._keys

    def needs_rotation(self, sealed: Sealed) -> bool:
        """Whether the value is still sealed with an older key."""
        return sealed.key_id != self.key_id

    def rotate(self, workspace_id: str, name: str, sealed: Sealed) -> Sealed:
        """The same value sealed with the key in use."""
        return self.seal(workspace_id, name, self.open(workspace_id, name, sealed))


def new_key() -> str:
    """A fresh 256-bit key as text, fit for IONFLUX_KEY or a key file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_id_of(key: bytes) -> str:
    """A short public fingerprint of a key, so that nobody has to name keys by hand."""
    return hashlib.sha256(b"ionflux key id\0" + key).hexdigest()[:12]


def load_key(
    settings_key: str | None,
    key_file: Path,
    *,
    data_folder: Path | None = None,
    secrets_exist: bool = False,
) -> VaultKey:
    """The key from IONFLUX_KEY, else from the key file, which is made when it is absent.

    Both hold one key, or several separated by blanks, commas or lines: the first is in use, the rest only open
    older values. With `secrets_exist` a missing file is never replaced by a new key: Unavailable says what to do.
    """
    if settings_key and settings_key.strip():
        return _parse_keys(settings_key, "IONFLUX_KEY")
    key_file = key_file.expanduser()
    if data_folder is not None and key_file.resolve().is_relative_to(data_folder.resolve()):
        raise Invalid(
            f"The key file {key_file} lies inside the data folder, so every backup would carry the key.",
            hint="Set IONFLUX_KEY_FILE to a path outside the data folder.",
        )
    try:
        return _parse_keys(_read_private(key_file), str(key_file))
    except FileNotFoundError:
        pass
    if secrets_exist:
        raise Unavailable(
            f"There are encrypted secrets, but their key file {key_file} is missing.",
            hint="Restore the file, set IONFLUX_KEY or IONFLUX_KEY_FILE, or remove the secrets and enter them again.",
            code="key_file_missing",
        )
    return _create(key_file)


def rotate_key_file(key_file: Path) -> VaultKey:
    """Put a new key first in the key file and keep the older ones; the caller re-seals every secret after it."""
    key_file = key_file.expanduser()
    lines = [new_key(), *_split(_read_private(key_file))]
    staged = _stage(key_file, "\n".join(lines) + "\n")
    os.replace(staged, key_file)
    return _parse_keys("\n".join(lines), str(key_file))


def forget_old_keys(key_file: Path) -> None:
    """Leave only the key in use in the key file; for when nothing is sealed with the others any more."""
    key_file = key_file.expanduser()
    staged = _stage(key_file, _split(_read_private(key_file))[0] + "\n")
    os.replace(staged, key_file)


def check_name(name: str) -> str:
    """The name itself when it follows the rules; Invalid otherwise."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"'{name[:80]}' is not a secret's name.", hint=_NAME_RULE)
    return name


def reference_name(text: str) -> str | None:
    """The name in `secret://name`, None for any other text; Invalid for a reference with a bad name."""
    if not text.startswith(SCHEME):
        return None
    return check_name(text[len(SCHEME) :])


def references(tree: object) -> Iterator[str]:
    """Every secret name referred to in a JSON-like tree, in order, repeats included."""
    if isinstance(tree, str):
        if (name := reference_name(tree)) is not None:
            yield name
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from references(value)
    elif isinstance(tree, Sequence) and not isinstance(tree, bytes | bytearray):
        for value in tree:
            yield from references(value)


def _row(workspace_id: str, name: str) -> bytes:
    # A name holds no slash, so two rows never share this text.
    return f"{workspace_id}/{check_name(name)}".encode()


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part]


def _parse_keys(text: str, source: str) -> VaultKey:
    keys = [_decode(part, source) for part in _split(text)]
    if not keys:
        raise Unavailable(f"{source} holds no key.", hint="Restore it from where you keep it.", code="key_file_missing")
    old = {key_id_of(key): key for key in keys[1:]}
    return VaultKey(keys[0], key_id_of(keys[0]), MappingProxyType(old))


def _decode(part: str, source: str) -> bytes:
    try:
        key = base64.b64decode(part.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Invalid(
            f"{source} does not hold a 256-bit key in base64.",
            hint="Make one with: python -c 'from ionflux_core.vault import new_key as k; import sys; "
            "sys.stdout.write(k())'",
        )
    return key


def _read_private(path: Path) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise Unavailable(
                f"Other users of this machine can read the key file {path}.",
                hint=f"Run: chmod 600 {path}",
                code="key_file_open",
            )
        return file.read(64 * limits.KIB)


def _stage(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return staged


def _create(path: Path) -> VaultKey:
    try:
        staged = _stage(path, new_key() + "\n")
    except OSError as problem:
        raise Unavailable(
            f"The key file {path} cannot be written ({problem.strerror}).",
            hint="Set IONFLUX_KEY, or IONFLUX_KEY_FILE to a path that can be written.",
        ) from problem
    try:
        # A hard link never overwrites: of two processes starting together both end up with the winner's key.
        os.link(staged, path)
        created = True
    except FileExistsError:
        created = False
    finally:
        staged.unlink()
    found = _parse_keys(_read_private(path), str(path))
    return VaultKey(found.key, found.key_id, found.old_keys, created=created)
