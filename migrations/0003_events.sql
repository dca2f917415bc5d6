-- SPDX-License-Identifier: Apache-2.0
-- Events for consumers outside: where they came from, what they carried, and a position without gaps.

-- xid: ids are drawn before a transaction commits, so that a smaller one may appear later. Readers go by (xid, id)
-- and stop before the oldest transaction that is still under way: what they passed never changes any more.
-- body: the message as it came, sealed; kept only while somebody outside wants it.
alter table events add column xid xid8 not null default pg_current_xact_id();
alter table events add column url_params jsonb;
alter table events add column body bytea;
alter table events alter column body set storage external;
-- Nothing looks events up by id alone.
alter table events drop constraint events_pkey;
alter table events add primary key (xid, id);
