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
