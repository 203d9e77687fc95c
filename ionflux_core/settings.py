"""Settings from the environment, each with its default; `.env.example` lists them for people."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ionflux_core.errors import Invalid, Problem

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What the environment decides: every name below is read as IONFLUX_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="IONFLUX_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(ROOT / "data", description="Folder of the database, files and caches.")
    database_url: str = Field("", description="SQLAlchemy address; empty means SQLite in the data folder.")
    host: str = Field("127.0.0.1", description="Address to listen on; any but loopback needs sign-in.")
    port: int = Field(8501, ge=1, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/@?#]+)?$",
        description="Where others reach this server, such as https://ionflux.example.com; webhooks to it need one.",
    )
    auth: Literal["auto", "on"] = Field("auto", description="on asks for a token on loopback, too.")
    key: str = Field("", description="Key of the secrets, 32 bytes in base64; empty means the key file.")
    key_file: Path = Field(
        Path("~/.config/ionflux/key"),
        description="Where the key is kept when IONFLUX_KEY is empty; not in the data folder.",
    )
    workers: int = Field(4, ge=0, le=64, description="Runs executed at the same time by this process; 0 for none.")
    scheduler: bool = Field(True, description="Whether this process may keep the clock.")
    durable: bool = Field(False, description="Commit every step to the disk, not only what was promised to others.")
    demo: bool = Field(True, description="Fill an empty database with the demo workspace at the first start.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_levels: str = Field(
        "",
        description="Other levels for parts of the program: ionflux_core.runtime=debug,ionflux_core.web.access=debug.",
    )
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people or for machines.")
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s/@?#]+(/[^\s@?#]*)?)?$",
        description="OpenTelemetry collector that gets traces over HTTP, like http://127.0.0.1:4318; empty: no traces.",
    )
    lease_seconds: float = Field(15.0, gt=0.1, description="How long a silent worker keeps its runs.")
    agents_dir: Path = Field(
        ROOT / "agents",
        description="Folder of the trusted agents.",
        validation_alias=AliasChoices("IONFLUX_AGENTS_DIR", "agents_dir"),
    )

    @field_validator("log_levels")
    @classmethod
    def _levels(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            if not re.fullmatch(r"[A-Za-z_][\w.]*\s*=\s*(debug|info|warning|error)", part):
                raise ValueError(f"{part[:80]!r} is no level of a part; write one like ionflux_core.runtime=debug")
        return text

    @property
    def levels(self) -> dict[str, str]:
        """The parts of the program that log at a level of their own."""
        pairs = (part.partition("=") for part in self.log_levels.split(",") if part.strip())
        return {name.strip(): level.strip() for name, _, level in pairs}

    @property
    def url(self) -> str:
        """The database's address; a bare postgresql:// means the psycopg driver."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir.resolve() / 'ionflux.sqlite'}"
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def on_loopback(self) -> bool:
        """True when only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def needs_token(self) -> bool:
        """True when a request must bring an API token (security.md section 4)."""
        return self.auth == "on" or not self.on_loopback


def load_settings(**overrides: object) -> Settings:
    """The settings of this process; Invalid names every variable that is wrong."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = [
            Problem(problem["msg"], path="IONFLUX_" + "_".join(str(part) for part in problem["loc"]).upper())
            for problem in error.errors()
        ]
        raise Invalid(
            "Some settings are wrong: " + "; ".join(f"{p.path}: {p.message}" for p in problems),
            problems=problems,
            hint="See .env.example for every setting and its default.",
        ) from error
