// SPDX-License-Identifier: Apache-2.0
#include "base/postgres/connection.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <stdexcept>

namespace mooring::pg {
namespace {

std::string session_options(const ConnectOptions& options) {
  std::string text = fmt::format(
      "-c timezone=UTC -c jit=off -c client_min_messages=warning -c statement_timeout={} "
      "-c idle_in_transaction_session_timeout={}",
      options.statement_timeout_ms, options.idle_in_transaction_timeout_ms);
  if (options.point_queries) {
    text +=
        " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off"
        " -c enable_mergejoin=off";
  }
  return text;
}

std::string trimmed_message(const char* text) {
  std::string message = text == nullptr ? "" : text;
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  return message;
}

}  // namespace

bool SqlError::is_connection_lost() const {
  return sqlstate_.empty() || sqlstate_.starts_with("08") || sqlstate_ == "57P01" || sqlstate_ == "57P02" ||
         sqlstate_ == "57P03" || sqlstate_ == "25P03";
}

Error to_error(const SqlError& error) {
  if (error.is_connection_lost()) {
    return {Failure::unavailable, "postgres.unavailable",
            fmt::format("PostgreSQL does not answer: {}. Check that it runs and try again.", error.what())};
  }
  if (error.sqlstate() == "57014") {
    return {Failure::timeout, "postgres.timeout", "A statement took longer than its limit; try again."};
  }
  if (error.is_retryable()) {
    return {Failure::busy, "postgres.contention",
            "The same rows are changed by others right now; try again."};
  }
  return {Failure::internal, "postgres.error",
          fmt::format("PostgreSQL refused a statement ({}): {}", error.sqlstate(), error.what())};
}

bool Row::is_null(int column) const { return PQgetisnull(result_, row_, column) != 0; }

std::string_view Row::bytes(int column, Oid expected) const {
  const Oid actual = PQftype(result_, column);
  const bool text_like = expected == 25 && (actual == 1043 || actual == 19);
  if (actual != expected && !text_like) {
    throw std::logic_error(fmt::format("column {} ({}) has type {}, read as {}", column,
                                       PQfname(result_, column), actual, expected));
  }
  if (is_null(column)) {
    throw std::logic_error(fmt::format("column {} ({}) is NULL", column, PQfname(result_, column)));
  }
  return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

void Rows::free_result(pg_result* result) { PQclear(result); }

int Rows::size() const { return PQntuples(result_.get()); }

std::int64_t Rows::affected() const {
  const char* text = PQcmdTuples(result_.get());
  return text == nullptr || *text == '\0' ? 0 : std::stoll(text);
}

Connection::Connection(const ConnectOptions& options) : on_commit_(options.on_commit) {
  const std::string settings = session_options(options);
  const std::array<const char*, 6> keys{"dbname",          "fallback_application_name", "options",
                                        "connect_timeout", "client_encoding",           nullptr};
  const std::array<const char*, 6> values{
      options.conninfo.c_str(), options.application_name.c_str(), settings.c_str(), "10", "UTF8", nullptr};
  connection_ = PQconnectdbParams(keys.data(), values.data(), 1);
  if (PQstatus(connection_) != CONNECTION_OK) {
    SqlError error("", trimmed_message(PQerrorMessage(connection_)));
    PQfinish(connection_);
    throw error;
  }
  PQsetErrorVerbosity(connection_, PQERRORS_TERSE);
}

Connection::~Connection() { PQfinish(connection_); }

bool Connection::is_broken() const { return PQstatus(connection_) != CONNECTION_OK; }

bool Connection::in_transaction() const {
  const auto status = PQtransactionStatus(connection_);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

Rows Connection::check(pg_result* result) {
  Rows rows(result);
  const auto status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) return rows;
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string state = sqlstate == nullptr ? "" : sqlstate;
  throw SqlError(
      state, trimmed_message(result == nullptr ? PQerrorMessage(connection_) : PQresultErrorMessage(result)));
}

void Connection::prepare(const Statement& statement, const Params& params) {
  if (prepared_.contains(statement.name)) return;
  std::vector<Oid> types;
  types.reserve(params.slots().size());
  for (const auto& slot : params.slots()) types.push_back(slot.oid);
  check(PQprepare(connection_, statement.name, statement.sql, static_cast<int>(types.size()), types.data()));
  prepared_.insert(statement.name);
}

Rows Connection::exec_prepared(const Statement& statement, const Params& params) {
  prepare(statement, params);
  const auto count = params.slots().size();
  std::vector<const char*> values(count);
  std::vector<int> lengths(count);
  const std::vector<int> formats(count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& slot = params.slots()[i];
    values[i] = slot.length < 0 ? nullptr : params.data() + slot.offset;
    lengths[i] = slot.length;
  }
  return check(PQexecPrepared(connection_, statement.name, static_cast<int>(count), values.data(),
                              lengths.data(), formats.data(), 1));
}

void Connection::commit() {
  if (on_commit_) on_commit_(CommitPoint::before);
  script("COMMIT");
  if (on_commit_) on_commit_(CommitPoint::after);
}

Rows Connection::script(const std::string& sql) { return check(PQexec(connection_, sql.c_str())); }

bool Connection::wait_notification(int timeout_ms) {
  pollfd wait{PQsocket(connection_), POLLIN, 0};
  if (::poll(&wait, 1, timeout_ms) > 0) PQconsumeInput(connection_);
  bool any = false;
  while (PGnotify* notification = PQnotifies(connection_)) {
    PQfreemem(notification);
    any = true;
  }
  return any;
}

}  // namespace mooring::pg
