-- SPDX-License-Identifier: Apache-2.0
-- What devices say of themselves beyond DeviceInformation (devices.facts), and how their facts change. See
-- docs/inventory.md.

-- source: 2 SecurityInfo, 3 CertificateList, 4 what others say. The last answer, written only where it differs from the
-- one before; when a device last answered is in reconcile.
create table device_inventory (
  device_id bigint not null,
  source smallint not null,
  hash bytea not null,
  content jsonb not null,
  changed_at timestamptz not null,
  primary key (device_id, source)
);

-- The last ProfileList of a user's channel, as reconcile and device_profiles keep it of the device.
create table user_lists (
  enrollment_id bigint primary key,
  device_id bigint not null,
  list_event bigint,
  list_at timestamptz,
  failures smallint not null default 0,
  retry_at timestamptz,
  content bytea  -- NULL: none could be read yet
);
create index user_lists_device on user_lists (device_id);

-- NULL: the device did not say. A device's first answer of a source is no change.
create table fact_changes (
  id bigint generated always as identity,
  device_id bigint not null,
  at timestamptz not null,
  fact text not null,
  was jsonb,
  now jsonb
);
create index fact_changes_device on fact_changes (device_id, id);
create index fact_changes_age on fact_changes using brin (at);

-- requested_at: when any list was last asked for. ..._retry_at: a source that was refused is not asked before.
alter table reconcile add column requested_at timestamptz;
alter table reconcile add column information_retry_at timestamptz;
alter table reconcile add column security_retry_at timestamptz;
alter table reconcile add column certificates_retry_at timestamptz;
