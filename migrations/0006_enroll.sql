-- SPDX-License-Identifier: Apache-2.0
-- Enrollment profiles, and what is remembered of each download.

create table enrollment_profiles (
  name text primary key,
  settings bytea not null,  -- JSON, sealed: payloads may carry passwords
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- What made one device's profile its own, for the day when it is installed again.
create table enrollment_offers (
  challenge_id bigint primary key,  -- of scep_challenges, and of the certificate that was issued for it
  seed text not null,               -- PayloadUUIDs derive from it
  query text not null,              -- of ServerURL
  account_driven boolean not null,
  created_at timestamptz not null
);
create index enrollment_offers_age on enrollment_offers (created_at);

-- Secrets that a device brings back once: kind 1 over-the-air enrollment, 2 a signed-in account.
create table enrollment_tokens (
  hash bytea primary key,  -- SHA-256; the token itself is kept nowhere
  kind smallint not null,
  enrollment_profile text not null,
  user_name text,
  expires_at timestamptz not null
);
create index enrollment_tokens_expiry on enrollment_tokens (expires_at);

-- How often a nonce of HTTP Digest was used, so that a recorded request is good for nothing on any server.
create table enrollment_nonces (
  hash bytea primary key,  -- SHA-256 of the nonce
  count bigint not null,
  expires_at timestamptz not null
);
create index enrollment_nonces_expiry on enrollment_nonces (expires_at);
