-- SPDX-License-Identifier: Apache-2.0
-- The protocol core: devices, their channels, the command queue, results, events.

create table settings (
  name text primary key,
  value bytea not null
);

create table api_tokens (
  hash bytea primary key,  -- SHA-256 of the token; the token itself is shown once and kept nowhere
  name text not null,
  created_at timestamptz not null
);

-- udid is Apple's UDID, or the EnrollmentID where User Enrollment hides the UDID.
create table devices (
  id bigint generated always as identity primary key,
  udid text not null unique,
  serial_number text,
  model text,
  model_name text,
  device_name text,
  product_name text,
  os_version text,
  build_version text,
  facts jsonb,
  facts_at timestamptz,
  created_at timestamptz not null
);
create index devices_serial_number on devices (serial_number) where serial_number is not null;

-- One row for each MDM channel: the device's, and one for each user on it.
create table enrollments (
  id bigint generated always as identity primary key,
  enrollment_id text not null unique,
  kind smallint not null,
  device_id bigint not null,
  parent_id bigint,
  enabled boolean not null default false,
  token_update_tally integer not null default 0,
  awaiting_configuration boolean not null default false,
  topic text,
  push_magic text,
  push_token bytea,
  unlock_token bytea,     -- sealed
  bootstrap_token bytea,  -- sealed
  user_short_name text,
  user_long_name text,
  authenticated_at timestamptz,
  token_updated_at timestamptz,
  checked_out_at timestamptz
) with (fillfactor = 80);
create index enrollments_device on enrollments (device_id);

-- Apart from enrollments because it changes far more often. Coarse: see core/activity.
create table enrollment_activity (
  enrollment_id bigint primary key,
  last_seen_at timestamptz not null
) with (fillfactor = 70);

-- What commands carry, once for all devices that get it.
create table payloads (
  id integer generated always as identity primary key,
  hash bytea not null unique,
  relayed boolean not null,  -- true: a whole document, sent byte for byte; false: a Command dictionary
  request_type text not null,
  body bytea not null,
  created_at timestamptz not null
);
alter table payloads alter column body set storage external;

-- Open commands only: an answered command moves to command_results. Small, so that it stays in memory.
-- uuid: see core/command_uuid. status: 0 queued, 1 NotNow. item_id: NULL for a person's command, 0 for inventory.
-- No foreign keys on the hot tables: their checks would lock and rewrite the rows they point to.
create table commands (
  id bigint generated always as identity primary key,
  enrollment_id bigint not null,
  created_at timestamptz not null,
  payload_id integer not null,
  status smallint not null default 0,
  priority smallint not null default 0,
  uuid bytea not null,
  item_id integer,
  version_id integer,
  expires_at timestamptz,
  not_now_at timestamptz
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create unique index commands_enrollment_uuid on commands (enrollment_id, uuid);
create index commands_expiry on commands (expires_at) where expires_at is not null;

-- status: 2 acknowledged, 3 error, 4 command format error, 5 cancelled, 6 expired.
create table command_results (
  enrollment_id bigint not null,
  uuid bytea not null,
  payload_id integer not null,
  request_type text not null,
  status smallint not null,
  item_id integer,
  created_at timestamptz not null,
  answered_at timestamptz not null,
  error_chain jsonb,
  body bytea,
  primary key (enrollment_id, uuid)
);
create index command_results_age on command_results using brin (answered_at) with (pages_per_range = 16);

-- One row for each command that a person asked for, however many devices it went to.
create table command_requests (
  uuid bytea primary key,
  payload_id integer not null references payloads,
  request_type text not null,
  enrollments bigint[] not null,
  created_at timestamptz not null
);
create index command_requests_age on command_requests using brin (created_at);

-- Facts, append-only. kind: see core/event.
create table events (
  id bigint generated always as identity primary key,
  created_at timestamptz not null,
  enrollment_id bigint not null,
  kind smallint not null,
  status smallint,
  command_uuid bytea,
  request_type text,
  detail jsonb
);
create index events_age on events using brin (created_at);

-- Reports that the next pass over their device has to read; gone once it has.
create table observations (
  event_id bigint primary key,
  device_id bigint not null,
  command_uuid bytea not null,
  reported_at timestamptz not null,
  status smallint not null,
  request_type text not null,
  item_id integer,
  version_id integer,
  error_chain jsonb,
  body bytea
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table observations alter column body set storage external;
create index observations_device on observations (device_id);

-- Totals that move with the state they count. Each writer has a shard of its own, so that none waits for another.
create table counters (
  name text not null,
  shard integer not null,
  value bigint not null,
  primary key (name, shard)
) with (fillfactor = 50);
