-- SPDX-License-Identifier: Apache-2.0
-- Events for consumers outside: where they came from, what they carried, and a position without gaps.

-- xid: ids are drawn before a transaction commits, so that a smaller one may appear later. Readers go by (xid, id)
-- and stop before the oldest transaction that is still under way: what they passed never changes any more.
-- body: the message as it came, sealed; kept only while somebody outside wants it.
alter table events add column xid xid8 not null default pg_current_xact_id();
alter table events add column url_params jsonb;
alter table events add column body bytea;
alter table events alter column body set storage external;
-- Nothing looks events up by id alone.
alter table events drop constraint events_pkey;
alter table events add primary key (xid, id);

-- One row. namespace: makes the UUIDs of events, so that those of two installations differ. epoch: moves where
-- positions were made anew after a restore; positions of an older epoch mean nothing any more.
create table event_log (
  one boolean primary key default true check (one),
  namespace uuid not null,
  epoch integer not null
);
insert into event_log (namespace, epoch) values (gen_random_uuid(), 1);

-- Who has to get events. kind: 1 webhook, 2 pull. topics: those of MicroMDM; empty means all. The cursor: all events up
-- to and including it were handed out, or are in event_backlog. revision moves with what a person changes.
create table event_consumers (
  id integer generated always as identity primary key,
  name text not null unique,
  kind smallint not null,
  topics text[] not null,
  include_idle boolean not null,
  bodies boolean not null,
  enabled boolean not null default true,
  cursor_xid xid8 not null,
  cursor_id bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  revision bigint not null default 1,
  seen_at timestamptz,    -- when it last took an event
  failed_at timestamptz,  -- when it last did not
  failure text,
  url text,        -- webhooks only
  hmac_key bytea,  -- sealed
  headers bytea,   -- sealed JSON
  trust text       -- PEM
) with (fillfactor = 50);

-- Events that a webhook did not take at once, in order of each enrollment. dead_at: given up; a person decides.
create table event_backlog (
  consumer_id integer not null references event_consumers on delete cascade,
  enrollment_id bigint not null,
  xid xid8 not null,
  event_id bigint not null,
  attempts smallint not null,
  next_try_at timestamptz not null,
  dead_at timestamptz,
  failure text,
  primary key (consumer_id, enrollment_id, xid, event_id)
);
create index event_backlog_event on event_backlog (xid, event_id);
create index event_backlog_waiting on event_backlog (consumer_id, xid, event_id) where dead_at is null;
create index event_backlog_dead on event_backlog (consumer_id, xid, event_id) where dead_at is not null;
