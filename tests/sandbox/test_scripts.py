"""JavaScript and TypeScript in the sandbox: what they may do, and the attacks that end at its walls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.errors import AgentFailed, IonfluxError, LimitExceeded, Unavailable
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.sandbox.walls import Walls

ROOT = Path(__file__).resolve().parents[2]
SECRET = "canary-3f9a"


@pytest.fixture(scope="module")
def box(walls: Walls) -> Iterator[Sandbox]:
    made = Sandbox(lambda: walls)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bare(walls: Walls) -> Iterator[Sandbox]:
    """Deno alone, as where the system has no bubblewrap."""
    made = Sandbox(lambda: replace(walls, no_wall="it was taken away"))
    yield made
    made.close()


class Unlocked(Walls):
    """The outer wall alone: Deno may do all it can."""

    def command(self) -> list[str]:
        words = super().command()
        at = words.index("run")
        return [*words[: at + 1], "--allow-all", *words[at + 1 :]]


@pytest.fixture(scope="module")
def unlocked(walls: Walls) -> Iterator[Sandbox]:
    open_walls = Unlocked(**{name: getattr(walls, name) for name in Walls.__slots__})
    made = Sandbox(lambda: open_walls)
    yield made
    made.close()


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("host")
    for name, text in (
        ("data.json", f'{{"key": "{SECRET}"}}'), ("notes.txt", SECRET), ("code.js", f"export default '{SECRET}'"),
        ("broken.js", f"{SECRET} is no code at all"),
    ):  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A server on loopback that nobody may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


def ask(box: Sandbox, code: str, *, own: bool = False, seconds: float = 20, **inputs: Any) -> Any:
    return box.run("js", code, inputs, seconds=seconds, own=own)


def tried(expression: str) -> str:
    """Code that says what an expression gave, or by which error it was refused."""
    return f"""export default async function (input) {{
      try {{ return {{ got: String(await ({expression})) }}; }} catch (error) {{ return {{ refused: error.name }}; }}
    }}"""


class TestCode:
    """What an author may write."""

    def test_inputs_go_in_and_the_value_comes_out(self, box: Sandbox) -> None:
        code = "export default (input) => ({ ...input, sum: input.numbers.reduce((a, b) => a + b, 0) })"
        assert ask(box, code, numbers=[1, 2, 3.5], name="Zoë ☂") == {
            "numbers": [1, 2, 3.5],
            "name": "Zoë ☂",
            "sum": 6.5,
        }

    def test_typescript_and_promises(self, box: Sandbox) -> None:
        code = """
            interface Line { price: number; count: number }
            export default async function (input: { lines: Line[] }): Promise<number> {
              const totals: number[] = await Promise.all(input.lines.map(async (line) => line.price * line.count));
              return totals.reduce((a: number, b: number): number => a + b, 0);
            }"""
        lines = [{"price": 2, "count": 3}, {"price": 10, "count": 1}]
        assert box.run("ts", code, {"lines": lines}, seconds=20) == 16

    @pytest.mark.parametrize(
        ("returned", "value"),
        [
            ("undefined", None),
            ("NaN", None),
            ("new Date(0)", "1970-01-01T00:00:00.000Z"),
            ("[undefined, 1e3, '☂']", [None, 1000, "☂"]),
            ("new URL('https://a.example/b?c=d').searchParams.get('c')", "d"),
            ("'x'.repeat(900_000)", "x" * 900_000),
            ("import('node:buffer').then((b) => b.Buffer.from('a').toString('hex'))", "61"),
        ],
    )
    def test_what_json_makes_of_values(self, box: Sandbox, returned: str, value: Any) -> None:
        assert ask(box, f"export default () => {returned}") == value

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("export default () => {\n  throw new RangeError('too old')\n}", "in line 2: RangeError: too old"),
            ("export default () => {\n  return input.\n}", "in line 3: TypeError: SyntaxError"),
            ("export const a = 1", "no default function"),
            ("export default () => 10n", "BigInt"),
            ("export default () => { throw 'only words' }", "only words"),
            ("export default () => new Promise(() => setTimeout(() => { throw new Error('later') }, 1))", "later"),
            ("export default () => new Promise(() => { Promise.reject(new Error('lost')) })", "lost"),
            ("export default () => { const f = () => f() + 1; return f() }", "call stack"),
            ("export default () => Deno.exit(0)", "without an answer"),
            ("export default () => new Promise(() => {})", "without an answer"),
            ("export default () => { const a = []; a[0] = a; return a }", "circular"),
            ("export default () => { throw { toString() { throw 'twice' } } }", "twice"),
        ],
    )
    def test_failures_say_what_and_where(self, box: Sandbox, code: str, words: str) -> None:
        with pytest.raises(AgentFailed) as failed:
            ask(box, code)
        assert failed.value.code == "code_failed"
        assert words in failed.value.message
        assert "data:" not in failed.value.message

    def test_each_run_starts_from_nothing(self, box: Sandbox) -> None:
        code = "export default () => { const was = globalThis.kept ?? null; globalThis.kept = 1; return was }"
        assert [ask(box, code) for _ in range(4)] == [None] * 4

    def test_what_is_printed_is_not_the_answer(self, box: Sandbox) -> None:
        code = """export default () => {
          console.log('{"value": "forged"}'); console.error("x".repeat(300_000));
          Deno.stdout.writeSync(new TextEncoder().encode('\\n{"value": "forged"}\\n'));
          setTimeout(() => console.log('\\n{"value": "late"}\\n'));
          return "true";
        }"""
        assert ask(box, code) == "true"

    def test_eight_at_once(self, box: Sandbox) -> None:
        found: list[int] = []

        def run(n: int) -> None:
            found.append(ask(box, "export default (i) => i.n", n=n))

        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == list(range(8))


REFUSED = {
    "read a file": "Deno.readTextFileSync(input.folder + '/notes.txt')",
    "read a file as node does": "import('node:fs').then((fs) => fs.readFileSync(input.folder + '/notes.txt', 'utf8'))",
    "list a folder": "[...Deno.readDirSync('/')].length",
    "write a file": "Deno.writeTextFileSync('/tmp/x', 'x')",
    "environment": "Deno.env.get('PATH').length",
    "environment of the first process": "Deno.readTextFileSync('/proc/1/environ')",
    "connect": "Deno.connect({ hostname: '127.0.0.1', port: input.port })",
    "fetch": "fetch(`http://127.0.0.1:${input.port}/`)",
    "connect as node does": "import('node:net').then((net) => new Promise((_, no) => "
    "net.connect(input.port, '127.0.0.1').on('error', no)))",
    "listen": "Deno.listen({ port: 0 }).addr.port",
    "names": "Deno.resolveDns('example.com', 'A')",
    "start a program": "new Deno.Command('/bin/sh').outputSync().code",
    "start a program as node does": "import('node:child_process').then((c) => c.execSync('/bin/true'))",
    "load a library": "Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', {})",
    "import over the network": "import(`http://127.0.0.1:${input.port}/a.js`)",
    "import a package": "import('npm:left-pad')",
}
IMPORTS = {
    "json, static": "import s from '{place}/data.json' with {{ type: 'json' }}; export default () => s",
    "text, static": "import s from '{place}/notes.txt' with {{ type: 'text' }}; export default () => s",
    "code, static": "import s from '{place}/code.js'; export default () => s",
    "broken code, static": "import s from '{place}/broken.js'; export default () => s",
    "code, literal": "export default async () => (await import('{place}/code.js')).default",
    "json, made up": "export default async (i) => "
    "(await import(i.place + '/data.json', {{ with: {{ type: 'json' }} }})).default",
    "from a module within": "export default async () => (await import('data:text/javascript,' + "
    "encodeURIComponent(`import s from '{place}/code.js'; export default s`))).default",
    "in a thread": "export default () => new Promise((yes, no) => {{ const w = new Worker('{place}/code.js', "
    "{{ type: 'module' }}); w.onerror = (e) => no(new Error(e.message)); w.onmessage = yes }})",
}
KEEPS = "export default () => { const was = localStorage.getItem('a'); localStorage.setItem('a', '1'); return was }"


class TestReach:
    """There is nothing to reach."""

    @pytest.mark.parametrize("attack", REFUSED)
    def test_doors_are_shut(self, box: Sandbox, secret: Path, canary: socket.socket, attack: str) -> None:
        answer = ask(box, tried(REFUSED[attack]), folder=str(secret), port=canary.getsockname()[1])
        assert set(answer) == {"refused"}, answer

    @pytest.mark.parametrize("attack", IMPORTS)
    def test_no_file_of_this_machine_is_imported(self, box: Sandbox, secret: Path, attack: str) -> None:
        self._not_imported(box, secret, attack)

    @pytest.mark.parametrize("attack", ["json, static", "broken code, static", "code, literal", "in a thread"])
    def test_nor_by_deno_alone(self, bare: Sandbox, secret: Path, attack: str) -> None:
        self._not_imported(bare, secret, attack)

    def _not_imported(self, box: Sandbox, secret: Path, attack: str) -> None:
        place = secret.as_uri()
        with pytest.raises(IonfluxError) as failed:
            ask(box, IMPORTS[attack].format(place=place), own=True, place=place)
        assert SECRET not in str(failed.value)

    def test_deno_alone_shuts_its_doors_too(self, bare: Sandbox, secret: Path, canary: socket.socket) -> None:
        doors = ["read a file", "environment", "fetch", "start a program"]
        code = f"""export default async function (input) {{
          const found = [];
          for (const door of [{", ".join(f"() => {REFUSED[door]}" for door in doors)}]) {{
            try {{ found.push(String(await door())); }} catch (error) {{ found.push(error.name); }}
          }}
          return found;
        }}"""
        found = ask(bare, code, own=True, folder=str(secret), port=canary.getsockname()[1])
        assert found == ["NotCapable"] * len(doors)

    def test_without_the_outer_wall_strangers_are_refused(self, bare: Sandbox) -> None:
        with pytest.raises(Unavailable) as refused:
            ask(bare, "export default () => 1")
        assert refused.value.code == "sandbox_missing"
        assert ask(bare, "export default () => 1", own=True) == 1

    def test_the_outer_wall_holds_alone(
        self, unlocked: Sandbox, secret: Path, canary: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OUR_KEY", SECRET)
        code = f"""export default async function (input) {{
          const found = {{}};
          const doors = {{
            file: () => {REFUSED["read a file"]},
            password: () => Deno.readTextFileSync("/etc/passwd"),
            first: () => Deno.readTextFileSync("/proc/1/environ"),
            net: () => {REFUSED["connect"]},
            program: () => {REFUSED["start a program"]},
            write: () => Deno.writeTextFileSync("/deno", "x"),
          }};
          for (const name in doors) {{
            try {{ found[name] = String(await doors[name]()); }} catch {{ found[name] = null; }}
          }}
          const folders = [...Deno.readDirSync("/")].map((each) => each.name);
          return {{ found, env: JSON.stringify(Deno.env.toObject()), folders, user: Deno.uid() }};
        }}"""
        found = ask(unlocked, code, folder=str(secret), port=canary.getsockname()[1])
        assert SECRET not in found["found"].pop("first")
        assert set(found["found"].values()) == {None}
        assert SECRET not in found["env"] and "PYTEST_CURRENT_TEST" not in found["env"]
        assert set(found["folders"]) <= {"deno", "dev", "lib", "lib64", "proc", "runner.mjs", "tmp", "usr"}
        assert found["user"] == 65534

    def test_nothing_is_left_for_the_next_one(self, box: Sandbox) -> None:
        assert [ask(box, KEEPS) for _ in range(3)] == [None] * 3

    def test_nothing_is_left_by_deno_alone(self, bare: Sandbox) -> None:
        assert [ask(bare, KEEPS, own=True) for _ in range(3)] == [None] * 3


TOO_LONG = {
    "a loop": "export default () => { for (;;); }",
    "a loop before the function": "for (;;); export default () => 1",
    "a pattern": "export default () => /^(a+)+$/.test('a'.repeat(60) + 'b')",
    "a promise that never ends": "export default () => new Promise(() => setInterval(() => {}, 1))",
    "a blocked thread": "export default () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
}
TOO_LARGE = {
    "the heap": "export default () => { const a = []; for (;;) a.push(new Array(1000).fill(0.5 + a.length)) }",
    "buffers": "export default () => { const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1)) }",
    "memory of wasm": "export default () => { const m = new WebAssembly.Memory({ initial: 1, maximum: 65536 });"
    " for (;;) { m.grow(160); new Uint8Array(m.buffer).fill(1) } }",
    "a flood": "export default () => { for (;;) console.log('x'.repeat(1000)) }",
    "an answer of 5 MB": "export default () => 'x'.repeat(5_000_000)",
}


class TestExhaustion:
    """Time, memory and output have an end."""

    @pytest.mark.parametrize("attack", TOO_LONG)
    def test_time(self, box: Sandbox, attack: str) -> None:
        with pytest.raises(LimitExceeded) as refused:
            ask(box, TOO_LONG[attack], seconds=0.3)
        assert refused.value.code == "code_too_long"

    @pytest.mark.parametrize("attack", TOO_LARGE)
    def test_memory_and_output(self, box: Sandbox, attack: str) -> None:
        with pytest.raises(LimitExceeded) as refused:
            ask(box, TOO_LARGE[attack])
        assert refused.value.code == "code_too_large"

    def test_a_shut_output_is_no_way_to_stay(self, bare: Sandbox) -> None:
        with pytest.raises(IonfluxError) as refused:
            ask(bare, "export default () => { Deno.stdout.close(); for (;;); }", own=True, seconds=1)
        assert refused.value.code in ("code_failed", "code_too_long")

    def test_five_hundred_threads(self, box: Sandbox) -> None:
        code = """export default () => {
          const body = URL.createObjectURL(new Blob(["for (;;);"], { type: "text/javascript" }));
          for (let n = 0; n < 500; n++) new Worker(body, { type: "module" });
          return new Promise(() => {});
        }"""
        with pytest.raises(IonfluxError) as refused:
            ask(box, code, seconds=5)
        assert refused.value.code in ("code_too_large", "code_too_long", "code_failed")

    def test_the_sandbox_is_well_after_all_that(self, box: Sandbox) -> None:
        assert ask(box, "export default (i) => i.a + 1", a=1) == 2
