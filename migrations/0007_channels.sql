-- SPDX-License-Identifier: Apache-2.0
-- Channels of any name, what check-ins ask for (tokens, Return to Service), and declarations.

-- A user channel is called DEVICE:USER. parent_length is how many bytes of that name its device, so that a device whose
-- own name holds a ':' is never taken for a user of another; 0 on device channels.
alter table enrollments add column parent_length smallint not null default 0;
alter table enrollments drop constraint enrollments_enrollment_id_key;
create unique index enrollments_name on enrollments (enrollment_id, parent_length);

-- Its declarations changed, or it enrolled anew, and no command has told it yet. Here and not beside its declarations,
-- so that a TokenUpdate sees it in the row that it changes anyway.
alter table enrollments add column declarations_waiting boolean not null default false;

-- What GetToken is answered with, by Apple's name of the service. secret is sealed.
create table token_services (
  name text primary key,
  settings jsonb not null,
  secret bytea,
  updated_at timestamptz not null
);

-- Tokens that let a watch enroll: made for a phone that asked, good once.
create table watch_pairing_tokens (
  hash bytea primary key,  -- SHA-256; the token itself is kept nowhere
  enrollment_id bigint not null,
  security_token text not null,
  phone_udid text not null,
  watch_udid text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index watch_pairing_tokens_expiry on watch_pairing_tokens (expires_at);

-- device_id 0: for every device without a row of its own. The profiles are sealed: they hold passwords.
create table return_to_service (
  device_id bigint primary key,
  enabled boolean not null,
  wifi_profile bytea,
  mdm_profile bytea,
  bootstrap_token boolean not null,  -- hand out the token that the device gave into escrow
  updated_at timestamptz not null
);

-- Content once by hash, whoever holds it. document: the JSON that a device fetches. kind: see core/ddm/declaration.
create table declarations (
  id integer generated always as identity primary key,
  hash bytea not null unique,
  kind smallint not null,
  type text not null,
  identifier text not null,
  document text not null,
  created_at timestamptz not null
);

-- What one or many enrollments hold together. manifest: the JSON of declaration-items.
create table declaration_sets (
  id integer generated always as identity primary key,
  hash bytea not null unique,
  members integer[] not null,
  manifest text not null,
  created_at timestamptz not null
);

-- synced_at: when a command last told the device to look.
create table enrollment_declarations (
  enrollment_id bigint primary key,
  set_id integer not null references declaration_sets,
  changed_at timestamptz not null,
  synced_at timestamptz
) with (fillfactor = 80);
create index enrollment_declarations_set on enrollment_declarations (set_id);

-- The last status report, the last whole one, and what was last said of each declaration.
create table declaration_status (
  enrollment_id bigint primary key,
  reported_at timestamptz not null,
  report bytea not null,
  full_at timestamptz,
  full_report bytea,
  declarations_at timestamptz,
  declarations bytea
);
