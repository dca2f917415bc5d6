-- SPDX-License-Identifier: Apache-2.0
-- What is done to a payload when it is handed out, and the secrets that profiles name.

-- rendering: 0 handed out as stored; 1 a command with a declared profile, the same for all devices; 2 the text of a
-- declared profile with variables, made into a command for each device; 3 a sealed command.
alter table payloads add column rendering smallint not null default 0;
update payloads set rendering = 1 where id in (select install_payload from versions);

-- Names of the values that its text is filled in with: fact.NAME, secret.NAME.
alter table versions add column variables text[] not null default '{}';
create index versions_variables on versions using gin (variables);

-- A value goes out inside profiles and nowhere else. revision: moves with the value, and stands for it wherever one
-- value has to be told from the next.
create table secrets (
  name text primary key,
  sealed bytea not null,
  revision bigint not null,
  updated_at timestamptz not null,
  updated_by text not null
);
create sequence secret_revisions;
