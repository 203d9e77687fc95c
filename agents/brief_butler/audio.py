"""The brief read aloud by espeak-ng, where it is installed; the sound is stored like every file of the workspace."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any
from urllib.parse import quote

from ionflux_core.sdk import Context, not_computed

PROGRAM = "espeak-ng"
SECONDS = 20
MOST_CHARS = 4_000
_VOICES = {"en": "en", "pt": "pt-br"}
_LARGEST = 15 * 1024 * 1024


def audio_of(ctx: Context, words: str, language: str) -> Any:
    """The address of the spoken brief, or why there is none."""
    return ctx.step("speak", lambda: _spoken(ctx, words, language))


def _spoken(ctx: Context, words: str, language: str) -> Any:
    program = shutil.which(PROGRAM)
    if program is None:
        return not_computed(f"{PROGRAM} is not installed on this machine.")
    # The words go in by the standard input: nothing that was said in a chat stands on a command line.
    command = [program, "-v", _VOICES[language], "-s", "165", "--stdin", "--stdout"]
    text = "".join(sign for sign in words[:MOST_CHARS] if sign.isprintable() or sign == "\n")
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return not_computed(f"{PROGRAM} took longer than {SECONDS} seconds.")
    except OSError as error:
        return not_computed(f"{PROGRAM} could not be started: {error.strerror or 'unknown reason'}.")
    if done.returncode or not done.stdout.startswith(b"RIFF"):
        return not_computed(f"{PROGRAM} gave no sound (code {done.returncode}).")
    if len(done.stdout) > _LARGEST:
        return not_computed("The sound is larger than a stored file may be.")
    stored = ctx.artifact("brief.wav", with_length(done.stdout), media_type="audio/wav")
    return f"files/{quote(ctx.workspace.id, safe='')}/{stored.sha256}?name=brief.wav"


def with_length(sound: bytes) -> bytes:
    """A WAV file that says how long it is: written to a pipe, it could not know."""
    data = sound.find(b"data", 12, 200)
    if data < 0:
        return sound
    begin = sound[:4] + (len(sound) - 8).to_bytes(4, "little") + sound[8 : data + 4]
    return begin + (len(sound) - data - 8).to_bytes(4, "little") + sound[data + 8 :]
