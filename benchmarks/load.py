"""The load generator: keep-alive HTTP over plain sockets, bounded in count and time, each answer checked.

Run by the bench in a process of its own, the same for the product and for its floor; JSON on stdout. Plain sockets,
because a client that is slower than the floor would flatter every ratio.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time

HEAD_END = b"\r\n\r\n"


class Client:
    """One keep-alive connection that sends the same request again and again."""

    def __init__(self, port: int, path: str, body: bytes, status: int, holding: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._status = f" {status} ".encode()
        self._holding = holding
        self.seconds: list[float] = []
        self.wrong: list[str] = []

    def send(self) -> None:
        """One request and its whole answer."""
        began = time.perf_counter()
        self._socket.sendall(self._request)
        data = self._socket.recv(65536)
        while HEAD_END not in data:
            data += self._more()
        head, _, body = data.partition(HEAD_END)
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._more()
        self.seconds.append(time.perf_counter() - began)
        if self._status not in head.split(b"\r\n", 1)[0] or self._holding not in body:
            self.wrong.append((head.split(b"\r\n", 1)[0] + b" " + body[:200]).decode(errors="replace"))

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def run(clients: list[Client], count: int, most_seconds: float) -> dict[str, object]:
    """Up to `count` requests over all clients at once: rate per second, latencies in ms, wrong answers."""
    share = count // len(clients)
    barrier = threading.Barrier(len(clients) + 1)
    broken: list[str] = []
    deadline = time.perf_counter() + most_seconds

    def work(client: Client) -> None:
        barrier.wait()
        try:
            for _ in range(share):
                client.send()
                if time.perf_counter() > deadline:
                    break
        except (OSError, IndexError, ValueError) as error:
            broken.append(repr(error))

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    seconds = sorted(second for client in clients for second in client.seconds)
    wrong = broken + [line for client in clients for line in client.wrong]

    def at(part: float) -> float:
        return seconds[min(len(seconds) - 1, int(part * len(seconds)))] * 1000 if seconds else 0.0

    return {
        "answers": len(seconds),
        "rate": len(seconds) / elapsed,
        "p50_ms": at(0.5),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
        "wrong": len(wrong),
        "first_wrong": wrong[0] if wrong else "",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--most-seconds", type=float, default=10.0)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--holding", default="", help="text every answer must hold")
    options = parser.parse_args()
    body, holding = sys.stdin.buffer.read(), options.holding.encode()
    clients = [Client(options.port, options.path, body, options.status, holding) for _ in range(options.concurrency)]
    print(json.dumps(run(clients, options.count, options.most_seconds)))


if __name__ == "__main__":
    main()
