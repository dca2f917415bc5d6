-- SPDX-License-Identifier: Apache-2.0
-- What keeps items from being sent for a while.

-- scope: 0 the fleet, 2 a device (ref: devices.id), 3 an item (ref: items.id). A pause of a device is also in
-- reconcile.paused_until; all others move the generation.
create table pauses (
  id integer generated always as identity primary key,
  scope smallint not null,
  ref bigint not null default 0,
  until_at timestamptz,  -- NULL: until resumed
  reason text not null,
  actor text not null,
  created_at timestamptz not null,
  unique (scope, ref)
);

-- [{"days": [...], "from": "HH:MM", "to": "HH:MM", "zone": "Area/Place"}]; NULL: at any time.
alter table items add column windows jsonb;
