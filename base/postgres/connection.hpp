// SPDX-License-Identifier: Apache-2.0
// One connection to PostgreSQL over libpq, with prepared statements and binary values.
//
// Functions that take a Connection run on a database thread and throw SqlError; Pool, Batcher and
// transaction() turn that into Result, so that it never reaches a coroutine or another room.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/postgres/params.hpp"
#include "base/result.hpp"

// libpq's own types, so that its header stays inside connection.cpp.
struct pg_conn;
struct pg_result;

namespace mooring::pg {

/// A prepared statement: a constant beside the function that uses it. `name` is unique in the program.
struct Statement {
  const char* name;
  const char* sql;
};

class SqlError : public std::exception {
 public:
  SqlError(std::string sqlstate, std::string message)
      : sqlstate_(std::move(sqlstate)), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& sqlstate() const { return sqlstate_; }
  bool is_unique_violation() const { return sqlstate_ == "23505"; }
  /// Serialization failure or deadlock: the same transaction may succeed when run again.
  bool is_retryable() const { return sqlstate_ == "40001" || sqlstate_ == "40P01"; }
  bool is_connection_lost() const;

 private:
  std::string sqlstate_;  ///< Empty where the server never answered.
  std::string message_;
};

/// What went wrong as an Error that may leave the database layer.
Error to_error(const SqlError& error);

class Rows;

/// One row of a result; valid as long as its Rows.
class Row {
 public:
  bool is_null(int column) const;
  /// T as in Wire<T>, or std::optional<T> for columns that may be NULL. string_view and Bytes point into
  /// Rows.
  template <class T>
  T get(int column) const {
    if constexpr (kIsOptional<T>) {
      if (is_null(column)) return std::nullopt;
      return get<typename T::value_type>(column);
    } else {
      return Wire<T>::get(bytes(column, Wire<T>::oid));
    }
  }
  std::int64_t int64(int column) const { return get<std::int64_t>(column); }
  std::string text(int column) const { return get<std::string>(column); }

 private:
  friend class Rows;
  Row(const pg_result* result, int row) : result_(result), row_(row) {}
  std::string_view bytes(int column, Oid expected) const;
  const pg_result* result_;
  int row_;
};

class Rows {
 public:
  explicit Rows(pg_result* result) : result_(result, &free_result) {}
  int size() const;
  bool empty() const { return size() == 0; }
  Row operator[](int row) const { return {result_.get(), row}; }
  std::int64_t affected() const;  ///< Rows that INSERT, UPDATE or DELETE touched.

  class Iterator {
   public:
    Iterator(const Rows* rows, int at) : rows_(rows), at_(at) {}
    Row operator*() const { return (*rows_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Rows* rows_;
    int at_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  static void free_result(pg_result* result);
  std::unique_ptr<pg_result, void (*)(pg_result*)> result_;
};

enum class CommitPoint : std::uint8_t { before, after };

struct ConnectOptions {
  std::string conninfo;  ///< libpq URI or keyword string.
  std::string application_name = "mooring";
  int statement_timeout_ms = 30000;
  /// PostgreSQL ends a session that stalls inside a transaction: what a lease's expiry would do.
  int idle_in_transaction_timeout_ms = 30000;
  /// Point queries on hot paths: index look-ups only, one plan for ever. Statistics of a table that has just
  /// grown from empty would otherwise choose sequential scans until the next ANALYZE.
  bool point_queries = false;
  /// For tests: what happens around the COMMIT of a transaction. What it throws is thrown there.
  std::function<void(CommitPoint)> on_commit;
};

class Connection {
 public:
  /// Throws SqlError.
  explicit Connection(const ConnectOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  template <class... T>
  Rows exec(const Statement& statement, const T&... values) {
    return exec_prepared(statement, Params(values...));
  }
  Rows exec(const Statement& statement) { return exec_prepared(statement, Params()); }
  Rows exec_prepared(const Statement& statement, const Params& params);
  /// SQL without parameters, several statements allowed: migrations, BEGIN, settings.
  Rows script(const std::string& sql);

  void commit();

  bool is_broken() const;
  bool in_transaction() const;
  /// Quotes nothing, prepares nothing: waits up to `timeout_ms` for a notification on LISTENed channels.
  bool wait_notification(int timeout_ms);

 private:
  void prepare(const Statement& statement, const Params& params);
  Rows check(pg_result* result);
  std::function<void(CommitPoint)> on_commit_;
  pg_conn* connection_;
  std::unordered_set<const char*> prepared_;
};

/// BEGIN, `body`, COMMIT. An error of `body` rolls back and is returned; an exception rolls back and goes on.
template <class Body>
auto once_in_transaction(Connection& connection, Body& body) -> decltype(body(connection)) {
  connection.script("BEGIN");
  try {
    auto result = body(connection);
    if (result) {
      connection.commit();
    } else {
      connection.script("ROLLBACK");
    }
    return result;
  } catch (...) {
    if (!connection.is_broken() && connection.in_transaction()) connection.script("ROLLBACK");
    throw;
  }
}

inline constexpr int kTransactionAttempts = 4;

/// As once_in_transaction; serialization failures and deadlocks run `body` again, at most 4 times in all.
template <class Body>
auto in_transaction(Connection& connection, Body body) -> decltype(body(connection)) {
  for (int attempt = 1;; ++attempt) {
    try {
      return once_in_transaction(connection, body);
    } catch (const SqlError& error) {
      if (!error.is_retryable() || attempt == kTransactionAttempts) throw;
    }
  }
}

}  // namespace mooring::pg
