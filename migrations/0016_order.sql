-- SPDX-License-Identifier: Apache-2.0
-- In which order items come to a device.

-- An item is sent only where what it requires is verified; it is removed before what it requires.
create table item_requires (
  item_id integer not null references items,
  requires_id integer not null references items,
  primary key (item_id, requires_id)
);
create index item_requires_back on item_requires (requires_id);
