-- SPDX-License-Identifier: Apache-2.0
-- Who devices are: challenges, the certificates issued for them, and which certificate speaks for which enrollment.

alter table devices add column user_name text;           -- who gave credentials at the enrollment URL
alter table devices add column enrollment_profile text;  -- through which profile it came

-- Certificate authorities: `name` is 'device' for the one that SCEP issues from, 'device:HASH' for one that stood there
-- before and is still trusted, 'device-ra' for what speaks SCEP where the authority's key cannot. private_key is sealed.
create table certificate_authorities (
  name text primary key,
  certificate bytea not null,
  chain text not null default '',  -- PEM of what is above an imported one
  private_key bytea not null,
  crl bytea,  -- the last one made; null once something was revoked
  crl_at timestamptz,
  crl_number bigint not null default 0,
  created_at timestamptz not null
);

-- What lets a device ask for a certificate. The challenge itself is kept nowhere.
create table scep_challenges (
  id bigint generated always as identity primary key,
  hash bytea not null unique,  -- SHA-256
  created_at timestamptz not null,
  expires_at timestamptz not null,
  one_time boolean not null,
  used_at timestamptz,
  udid text,           -- where set, only this device
  serial_number text,  -- ...
  user_name text,
  enrollment_profile text,
  renews bytea  -- hash of the certificate that the new one takes over from: a profile sent again to renew
);
create index scep_challenges_expiry on scep_challenges (expires_at);

-- Every certificate that the authority issued.
create table certificates (
  serial bytea primary key,
  hash bytea not null unique,  -- SHA-256 of the DER
  key_hash bytea not null,     -- SHA-256 of the public key
  transaction_id text not null,
  der bytea not null,
  subject text not null,
  not_before timestamptz not null,
  not_after timestamptz not null,
  issued_at timestamptz not null,
  renews bytea,        -- hash of the certificate that it takes over from
  challenge_id bigint, -- which one of scep_challenges let it be issued
  udid text,           -- where the challenge was bound to a device
  serial_number text,  -- ...
  user_name text,
  enrollment_profile text,
  revoked_at timestamptz,
  revocation_reason smallint
);
create index certificates_transaction on certificates (transaction_id, key_hash);
create index certificates_revoked on certificates (revoked_at) where revoked_at is not null;

-- Certificates that speak for an enrollment, whoever issued them. enrollment_id: the device channel's.
create table identities (
  hash bytea primary key,
  enrollment_id text not null,
  associated_at timestamptz not null,
  not_after timestamptz not null,
  superseded_at timestamptz,  -- a newer one was used: this one is good for a time of grace
  revoked_at timestamptz
);
create index identities_enrollment on identities (enrollment_id);
