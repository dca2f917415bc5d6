-- SPDX-License-Identifier: Apache-2.0
-- What is declared, what was observed, and what the reconciler knows about each device.

-- kind: 1 profile. slot: what the item occupies on a device; two items with one slot replace each other there.
create table items (
  id integer generated always as identity primary key,
  kind smallint not null,
  name text not null,
  slot text not null,
  current_version integer,
  repush integer not null default 0,  -- moved by a re-push: every holder gets the item again
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz
);
create unique index items_name on items (kind, name) where deleted_at is null;

create table versions (
  id integer generated always as identity primary key,
  item_id integer not null references items,
  hash bytea not null,
  identity uuid not null,  -- what the device's list shows while it holds this version (PayloadUUID)
  attributes jsonb not null,
  content bytea not null,
  install_payload integer not null references payloads,
  remove_payload integer not null references payloads,
  declared_at timestamptz not null
);
create unique index versions_item_hash on versions (item_id, hash);
alter table items add foreign key (current_version) references versions;

-- scope: 0 all, 2 device (by UDID or serial number). intent: 1 present, 0 absent.
create table assignments (
  id integer generated always as identity primary key,
  item_id integer not null references items,
  scope smallint not null,
  scope_ref text not null default '',
  intent smallint not null,
  created_at timestamptz not null
);
create unique index assignments_item_scope on assignments (item_id, scope, scope_ref);
create index assignments_device on assignments (scope_ref) where scope = 2;

-- One row. A change for the whole fleet moves the generation; commands for items are handed out only to devices
-- whose last pass has seen it.
create table declaration_state (
  one boolean primary key default true check (one),
  generation bigint not null,
  changed_at timestamptz not null
);
insert into declaration_state (generation, changed_at) values (1, now());

-- Sweeps walk all devices in shards; a cursor moves in the transaction of the pass it stands for.
create table sweeps (
  shard smallint primary key,
  generation bigint not null,
  next_device bigint not null default 0,  -- 0: not under way
  last_device bigint not null default 0,
  finished_at timestamptz
);
insert into sweeps (shard, generation) select n, 0 from generate_series(0, 7) as n;

-- One row a device, the reconciler's own. marks counts what happened; handled is what the last pass had seen.
create table reconcile (
  device_id bigint primary key,
  due_at timestamptz not null,
  marks bigint not null default 1,
  handled bigint not null default 0,
  seen_generation bigint not null default 0,
  generation integer not null default 0,
  converged_generation integer not null default 0,
  commands_made integer not null default 0,
  reset_mark bigint not null default 0,    -- the mark that asked to forget what is believed of the device
  repush_mark bigint not null default 0,   -- ... to send everything again
  refresh_mark bigint not null default 0,  -- ... to ask for all lists now
  inventory_failures smallint not null default 0,
  pushes smallint not null default 0,
  counted smallint not null default 0,  -- in the totals: 0 not yet, 1 as known, 2 as enrolled too
  changed_at timestamptz,
  converged_at timestamptz,
  list_event bigint,
  list_at timestamptz,
  information_at timestamptz,
  next_push_at timestamptz,
  inventory_retry_at timestamptz,
  desired_hash bytea
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
create index reconcile_due on reconcile (due_at);

-- The last ProfileList in a compact form, written only when it differs from the one before.
create table device_profiles (
  device_id bigint primary key,
  hash bytea not null,
  content bytea not null
);

-- The state of one item on one device. See docs/reconciler.md.
create table device_items (
  device_id bigint not null,
  item_id integer not null,
  version_id integer,
  installed_version integer,
  state smallint not null,
  intent smallint not null,  -- as in assignments; -1: the assignment ended
  attempts smallint not null default 0,
  repairs smallint not null default 0,
  repush integer not null default 0,
  installed boolean not null default false,
  forced boolean not null default false,
  acknowledged_event bigint,
  drift_since timestamptz,
  next_try_at timestamptz,
  verified_at timestamptz,
  repairs_since timestamptz,
  reason text,
  primary key (device_id, item_id)
) with (fillfactor = 80);
create index device_items_drift on device_items (item_id, device_id) where drift_since is not null;

create table item_counts (
  item_id integer primary key references items on delete cascade,
  desired bigint not null default 0,
  verified bigint not null default 0,
  failed bigint not null default 0
) with (fillfactor = 50);

-- How many devices have drifted since which minute: the oldest is the first row.
create table item_drift (
  item_id integer not null references items on delete cascade,
  since timestamptz not null,
  devices bigint not null,
  primary key (item_id, since)
) with (fillfactor = 50);
