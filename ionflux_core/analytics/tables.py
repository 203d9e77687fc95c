"""The cache's tables. No keys: an index costs more than finding the few rows that changed; times are naive UTC."""

from __future__ import annotations

SCHEMA = 2

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name VARCHAR PRIMARY KEY, number BIGINT NOT NULL, text VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, status VARCHAR NOT NULL, trigger_kind VARCHAR NOT NULL, dry_run BOOLEAN NOT NULL,
    error_code VARCHAR, cost_micros BIGINT NOT NULL, created_at TIMESTAMP NOT NULL, started_at TIMESTAMP,
    finished_at TIMESTAMP, change_seq BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS run_steps (
    run_id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, step_key VARCHAR NOT NULL, seq INTEGER NOT NULL, kind VARCHAR NOT NULL,
    title VARCHAR NOT NULL, status VARCHAR NOT NULL, attempt INTEGER NOT NULL, cost_micros BIGINT NOT NULL,
    started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS value_entries (
    id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, kind VARCHAR NOT NULL, amount DOUBLE NOT NULL, unit VARCHAR NOT NULL,
    method VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS model_costs (
    run_id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, status VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, model VARCHAR NOT NULL,
    calls BIGINT NOT NULL, unpriced BIGINT NOT NULL, cost_micros BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS kpi_points (
    id VARCHAR NOT NULL, workspace_id VARCHAR NOT NULL, instance_id VARCHAR, brand_id VARCHAR,
    definition_slug VARCHAR NOT NULL, run_id VARCHAR NOT NULL, name VARCHAR NOT NULL, unit VARCHAR NOT NULL,
    value DOUBLE, "at" TIMESTAMP NOT NULL, dims VARCHAR NOT NULL, change_seq BIGINT NOT NULL
);
"""
DATA_TABLES = ("runs", "run_steps", "value_entries", "model_costs", "kpi_points")
