"""How WebAssembly is compiled and run: the same here and in the process that compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import wasmtime

# What programs need today; every other proposal is one more thing a stranger could lean on.
_OFF = ("wasm_threads", "wasm_memory64", "wasm_multi_memory", "wasm_relaxed_simd", "wasm_gc", "wasm_exceptions")
_STACK_BYTES = 512 * 1024


def engine() -> wasmtime.Engine:
    """An engine that counts fuel and stops at epochs; ImportError where wasmtime is not installed."""
    import wasmtime

    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = _STACK_BYTES
    config.parallel_compilation = False
    for name in _OFF:
        setattr(config, name, False)
    return wasmtime.Engine(config)
