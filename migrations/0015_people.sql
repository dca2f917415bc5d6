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
