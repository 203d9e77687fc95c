"""The floor of a webhook: bare FastAPI on uvicorn that writes one SQLite row a request, in both durabilities."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse


def application(path: Path) -> FastAPI:
    """`POST /normal` and `POST /full` insert the body and commit with that synchronous setting."""
    connections = {name: sqlite3.connect(path, isolation_level=None) for name in ("normal", "full")}
    for name, connection in connections.items():
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={name.upper()}")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT)")
    app = FastAPI()

    @app.post("/{durability}")
    async def insert(durability: str, request: Request) -> JSONResponse:
        body = await request.body()
        row = connections[durability].execute("INSERT INTO rows VALUES (NULL, ?)", (body.decode(),))
        return JSONResponse({"status": "success", "id": row.lastrowid}, 200 if durability == "normal" else 202)

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    options = parser.parse_args()
    uvicorn.run(application(options.database), host="127.0.0.1", port=options.port, access_log=False)


if __name__ == "__main__":
    main()
