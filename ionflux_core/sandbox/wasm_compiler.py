"""A program of its own: compiles the module on stdin and writes the compiled one to stdout.

Compiling runs nothing of the module, but a module of a megabyte can make it take minutes and gigabytes, and nothing
stops a compiler half way but the end of its process.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """0 with the compiled module on stdout; 1 with a sentence on stderr."""
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import wasmtime

    from ionflux_core.sandbox.wasm_settings import engine

    given = sys.stdin.buffer.read()
    try:
        data = given if given.startswith(b"\0asm") else bytes(wasmtime.wat2wasm(given))
        module = wasmtime.Module(engine(), data)
    except wasmtime.WasmtimeError as error:
        sys.stderr.write(str(error))
        return 1
    if module.imports:
        sys.stderr.write("it imports something, and the sandbox gives it nothing")
        return 1
    sys.stdout.buffer.write(module.serialize())
    return 0


def _limit(seconds: int, data_bytes: int) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
