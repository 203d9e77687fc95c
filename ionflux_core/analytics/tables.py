"""The cache's tables. No keys: an index costs more than finding the few rows that changed; times are naive UTC."""

from __future__ import annotations

SCHEMA = 4

# What a run is filtered by stands in every row that belongs to it: a filter then looks at one table.
_OF_RUN = """workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR, definition_slug VARCHAR NOT NULL,
    trigger_kind VARCHAR NOT NULL, run_status VARCHAR NOT NULL"""

TABLES = f"""
CREATE TABLE IF NOT EXISTS meta (name VARCHAR PRIMARY KEY, number BIGINT NOT NULL, text VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, status VARCHAR NOT NULL, trigger_kind VARCHAR NOT NULL, dry_run BOOLEAN NOT NULL,
    error_code VARCHAR, cost_micros BIGINT NOT NULL, created_at TIMESTAMP NOT NULL, started_at TIMESTAMP,
    finished_at TIMESTAMP, change_seq BIGINT NOT NULL, correlation_id VARCHAR, instance_version INTEGER,
    attempt INTEGER, started_by VARCHAR
);
CREATE TABLE IF NOT EXISTS run_steps (
    run_id VARCHAR NOT NULL, {_OF_RUN}, step_key VARCHAR NOT NULL, seq INTEGER NOT NULL, kind VARCHAR NOT NULL,
    title VARCHAR NOT NULL, status VARCHAR NOT NULL, attempt INTEGER NOT NULL, cost_micros BIGINT NOT NULL,
    started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS value_entries (
    id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, {_OF_RUN}, kind VARCHAR NOT NULL, amount DOUBLE NOT NULL,
    unit VARCHAR NOT NULL, method VARCHAR NOT NULL, confidence DOUBLE, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS model_costs (
    run_id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, trigger_kind VARCHAR NOT NULL, status VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL, model VARCHAR NOT NULL, calls BIGINT NOT NULL, unpriced BIGINT NOT NULL,
    cost_micros BIGINT NOT NULL, tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, cached_tokens BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, {_OF_RUN}, step_key VARCHAR, kind VARCHAR NOT NULL,
    provider VARCHAR NOT NULL, model VARCHAR, status VARCHAR NOT NULL, error_code VARCHAR, tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL, cached_tokens BIGINT NOT NULL, cost_micros BIGINT, latency_ms DOUBLE NOT NULL,
    attempt INTEGER NOT NULL, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS approvals (
    id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, {_OF_RUN}, kind VARCHAR NOT NULL, status VARCHAR NOT NULL,
    edited BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL, decided_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS kpi_points (
    id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, run_id VARCHAR NOT NULL, name VARCHAR NOT NULL, unit VARCHAR NOT NULL,
    value DOUBLE, "at" TIMESTAMP NOT NULL, dims VARCHAR NOT NULL, change_seq BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger_entries (
    seq BIGINT NOT NULL, id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, run_id VARCHAR, instance_id VARCHAR,
    brand_id VARCHAR, definition_slug VARCHAR, trigger_kind VARCHAR, kind VARCHAR NOT NULL, amount DOUBLE NOT NULL,
    "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    seq BIGINT NOT NULL, workspace_id VARCHAR NOT NULL, run_id VARCHAR, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR, trigger_kind VARCHAR, type VARCHAR NOT NULL, source VARCHAR NOT NULL,
    correlation_id VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS activity (
    seq BIGINT NOT NULL, workspace_id VARCHAR NOT NULL, who VARCHAR, person VARCHAR, action VARCHAR NOT NULL,
    entity VARCHAR NOT NULL, entity_id VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, channel_id VARCHAR NOT NULL, sender_type VARCHAR NOT NULL,
    sender_id VARCHAR NOT NULL, content_type VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS versions (
    instance_id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, version INTEGER NOT NULL, saved_by VARCHAR,
    person VARCHAR, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS instances (
    id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, definition_slug VARCHAR NOT NULL, made_at TIMESTAMP NOT NULL
);
"""
# Rows of a run come and go with it; those of a log are only ever added.
RUN_TABLES = ("run_steps", "value_entries", "model_costs", "calls", "approvals")
LOG_TABLES = ("ledger_entries", "events", "activity")
DATA_TABLES = ("runs", *RUN_TABLES, "kpi_points", *LOG_TABLES, "messages", "versions", "instances")
