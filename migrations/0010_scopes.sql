-- SPDX-License-Identifier: Apache-2.0
-- Groups of devices, and what narrows an assignment down. See docs/scopes.md.

create sequence group_revisions;

-- expression: NULL for a group whose members are named one by one.
create table groups (
  id integer generated always as identity primary key,
  name text not null unique,
  priority integer not null,
  expression text,
  revision bigint not null,  -- from group_revisions: moves with expression and priority
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- Members as they are named, by UDID or serial number, also before they ever enroll.
create table group_names (
  name text not null,
  group_id integer not null references groups on delete cascade,
  primary key (name, group_id)
);
create index group_names_group on group_names (group_id, name);

-- What passes found: no row where a device is no member. known: false while nothing could be said either way.
create table group_members (
  device_id bigint not null,
  group_id integer not null,
  known boolean not null,
  since timestamptz not null,
  primary key (device_id, group_id)
);
create index group_members_group on group_members (group_id, device_id);

-- On which devices an item makes sense, whoever it is assigned to.
alter table items add column platforms text[] not null default '{}';  -- empty: on all
alter table items add column min_os text;
alter table items add column max_os text;

alter table devices add column tags text[] not null default '{}';

-- scope 1: a group, by name in scope_ref; device scopes go before groups, groups by priority, then all.
alter table assignments add column percent smallint not null default 100 check (percent between 0 and 100);
alter table assignments add column include_any text[] not null default '{}';  -- names of groups
alter table assignments add column include_all text[] not null default '{}';
alter table assignments add column exclude text[] not null default '{}';
