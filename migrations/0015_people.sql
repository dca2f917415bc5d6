-- SPDX-License-Identifier: Apache-2.0
-- For people: what happened to items on devices, and who asked for it.

-- Of the state of an item only what a person would ask for: commands are in commands and command_results already.
-- kind: see director/history.hpp. item_id 0: all items of the device. from_state: NULL where there was no record.
create table item_history (
  id bigint generated always as identity,
  at timestamptz not null,
  device_id bigint not null,
  item_id integer not null,
  version_id integer,
  kind smallint not null,
  from_state smallint,
  to_state smallint,
  reason_code smallint not null default 0,
  detail text,
  actor text
);
create index item_history_device on item_history (device_id, item_id, id);
create index item_history_age on item_history using brin (at);

-- What people declared. action: such as profile.declared; scope: of assignments and pauses.
create table declaration_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  item_id integer,
  version_id integer,
  scope text,
  detail jsonb
);
create index declaration_log_item on declaration_log (item_id, id) where item_id is not null;

-- Rows are added, and pruned by age; nobody changes one.
create function refuse_change() returns trigger language plpgsql as
$$ begin raise exception '% is append-only', tg_table_name; end $$;
create trigger item_history_append_only before update on item_history
  for each statement execute function refuse_change();
create trigger declaration_log_append_only before update on declaration_log
  for each statement execute function refuse_change();

-- Sending again to all that answers a description, at a pace. NULL, or no states: any.
create table repush_jobs (
  id integer generated always as identity primary key,
  item_id integer,
  group_id integer,
  states smallint[] not null,
  per_minute integer not null,
  cursor_device bigint not null default 0,  -- devices up to here have been looked at
  devices bigint not null default 0,        -- asked so far
  actor text not null,
  created_at timestamptz not null,
  moved_at timestamptz not null,            -- what the pace allows is counted from here
  finished_at timestamptz,
  stopped boolean not null default false
);

-- What others than the device say that it holds, the last of each source; and when the device was asked because of it.
create table outside_evidence (
  device_id bigint not null,
  source text not null,
  at timestamptz not null,
  content jsonb not null,
  primary key (device_id, source)
);
create table outside_questions (
  device_id bigint primary key,
  asked_at timestamptz not null
);

-- How many devices' lists show an identifier, whoever installed it. Moves with device_profiles; shards as in
-- item_states.
create table listed_profiles (
  identifier text not null,
  shard smallint not null,
  devices bigint not null,
  primary key (identifier, shard)
) with (fillfactor = 50);

-- What the versions of profiles set, of payloads that a device adds up key by key.
create table version_settings (
  version_id integer not null,
  payload_type text not null,
  key text not null,
  value_hash bytea not null,
  primary key (version_id, payload_type, key)
);
create index version_settings_key on version_settings (payload_type, key);
