-- SPDX-License-Identifier: Apache-2.0
-- Commands of people: read in pages, kept as long as their results, and devices that moved here from another server.

alter table command_requests add column id bigint generated always as identity;
create unique index command_requests_recent on command_requests (id);
create index command_requests_payload on command_requests (payload_id);

-- disposable: only command_requests refer to it, and it goes with the last of them.
alter table payloads add column disposable boolean not null default false;
create index versions_install_payload on versions (install_payload);
create index versions_remove_payload on versions (remove_payload);

-- When another server's copy of the enrollment was imported. Such a device still shows the certificate of its old home.
alter table enrollments add column migrated_at timestamptz;

-- When the next device may have a profile that makes it ask an authority for a certificate (--certificate-rate).
-- One row for each such item.
create table certificate_turns (
  item_id integer primary key,
  version_id integer not null,
  next_at timestamptz not null
);
