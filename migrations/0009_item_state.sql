-- SPDX-License-Identifier: Apache-2.0
-- What a pass remembers of items by channel and by reason, how the fleet is counted, and what is asked of one item.

-- channel_id: 0 the device's own channel, otherwise enrollments.id of a user on it.
-- reason_code: reconciler/reason.hpp. detail: what a device said, or what exactly is waited for; NULL mostly.
-- rendering: hash of the values that this device's content was made of; NULL where it is the same for all.
-- installed_identity: what the device's list last showed of ours; only where rendering is set.
-- signer: the first 8 bytes of the SHA-256 of the signer last asked for; NULL unsigned.
alter table device_items add column channel_id bigint not null default 0;
alter table device_items drop constraint device_items_pkey;
alter table device_items add primary key (device_id, item_id, channel_id);
alter table device_items add column reason_code smallint not null default 0;
alter table device_items rename column reason to detail;
alter table device_items add column rendering bigint;
alter table device_items add column installed_identity uuid;
alter table device_items add column signer bigint;

-- None of these is indexed: rows of this table are to be updated in place.
alter table reconcile add column groups_seen bigint not null default 0;  -- revision of the groups last evaluated
alter table reconcile add column build_seen text;           -- highest build that its items were sent for
alter table reconcile add column security_at timestamptz;
alter table reconcile add column certificates_at timestamptz;
alter table reconcile add column paused_until timestamptz;  -- this device alone; infinity: until resumed
alter table reconcile add column drifted integer not null default 0;    -- its items that differ from what is declared
alter table reconcile add column unsettled integer not null default 0;  -- its records that are not verified, or ended

alter table items add column changed_generation bigint not null default 0;  -- when anything of it last changed
alter table commands add column fetched_at timestamptz;
alter table command_results add column version_id integer;
alter table observations add column enrollment_id bigint;  -- the channel that answered

-- Moves with device_items, in the same transaction. shard: each worker's connection has its own, so that none waits
-- for another's; a single one may be negative, only their sum means something.
create table item_states (
  item_id integer not null,
  version_id integer not null,
  intent smallint not null,
  state smallint not null,
  shard smallint not null,
  devices bigint not null,
  primary key (item_id, version_id, intent, state, shard)
) with (fillfactor = 50);
drop table item_counts;
create view item_totals as
select item_id,
       coalesce(sum(devices) filter (where intent >= 0), 0)::int8 as desired,
       coalesce(sum(devices) filter (where intent >= 0 and state = 3), 0)::int8 as verified,
       coalesce(sum(devices) filter (where state in (5, 6)), 0)::int8 as failed,
       coalesce(sum(devices) filter (where state = 6), 0)::int8 as quarantined
from item_states group by item_id;

-- What people or jobs ask of one item on one device (item 0: of all): an inbox that the next pass empties. Asked twice
-- is asked once. kind: 1 send again, 2 try again what was given up, 3 evidence from outside says that it is wrong.
create table item_requests (
  device_id bigint not null,
  item_id integer not null,
  kind smallint not null,
  actor text not null,
  asked_at timestamptz not null,
  primary key (device_id, item_id, kind)
);
