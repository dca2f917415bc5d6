// SPDX-License-Identifier: Apache-2.0
#include "tests/model/fresh_database.hpp"

namespace mooring::test {
namespace {

constexpr int kUses = 40;  // then a new one: what was deleted stays in the files

// What the migrations themselves put in is kept aside in a schema of its own.
constexpr const char* kKeep = R"(
create schema fresh;
do $$ declare t text; begin
  for t in select tablename from pg_tables where schemaname = 'public' loop
    execute format('create table fresh.%I as table public.%I', t, t);
  end loop;
end $$)";
constexpr const char* kEmpty = R"(
set session_replication_role = replica;
do $$ declare t text; begin
  for t in select tablename from pg_tables where schemaname = 'public' loop
    execute format('delete from public.%I', t);
    execute format('insert into public.%I overriding system value table fresh.%I', t, t);
  end loop;
  perform setval(format('public.%I', sequencename)::regclass, start_value, false)
  from pg_sequences where schemaname = 'public';
end $$;
set session_replication_role = origin)";

}  // namespace

TestDatabase& fresh_database() {
  cluster_conninfo();  // made first, so that it goes last
  static std::unique_ptr<TestDatabase> database;
  static int uses = 0;
  if (!database || ++uses >= kUses) {
    database.reset();
    database = std::make_unique<TestDatabase>();
    database->connection().script(kKeep);
    uses = 0;
  } else {
    database->connection().script(kEmpty);
  }
  return *database;
}

}  // namespace mooring::test
