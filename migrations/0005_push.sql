-- SPDX-License-Identifier: Apache-2.0
-- Push certificates: one for each topic, the key sealed.

-- revision: moves with each upload, so that every server sees that it holds an older one.
create sequence push_certificate_revisions;
create table push_certificates (
  topic text primary key,
  revision bigint not null default nextval('push_certificate_revisions'),
  certificate text not null,   -- PEM, leaf first, then whatever came with it
  private_key bytea not null,  -- PEM, sealed
  subject text not null,
  not_before timestamptz not null,
  not_after timestamptz not null,
  uploaded_at timestamptz not null,
  failure text,                -- what the push service last held against it; NULL since it took a push again
  failed_at timestamptz
);
