#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "carryall/base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace carryall::catalogue {

/// A prepared statement. Parameters count from 1, columns from 0. Texts are views: of a
/// parameter they must live until Run or Next is done, of a column until the next call.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  Statement& Bind(int parameter, const std::optional<std::string>& text);
  /// Runs it to its end, ready to be bound again.
  Status Run();
  /// Steps to the next row; false after the last.
  Result<bool> Next();

  int64_t Int(int column) const;
  std::string_view Text(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3_stmt* statement, const std::string* path)
      : statement_(statement), path_(path) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const std::string* path_;  // of the database, which outlives it
};

/// One connection to an SQLite file. Errors name the file: kCorrupt for what is no
/// database or is damaged, kIo, kUnavailable while another connection holds it. For one
/// thread at a time.
class Database {
 public:
  /// Opens a file; makes it if it is not there and may be.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, bool read_only);

  /// Runs statements that answer nothing.
  Status Execute(const std::string& sql);
  Result<Statement> Prepare(std::string_view sql);
  /// The one number that a statement answers, e.g. "PRAGMA user_version".
  Result<int64_t> Number(std::string_view sql);
  int64_t LastRowId() const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  explicit Database(std::string path) : path_(std::move(path)) {}
  const std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Brings the schema of `database` up to date: step k takes it from version k to k + 1,
/// each in a transaction of its own. The version is SQLite's user_version. kUnsupported
/// if the file is of a later version than there are steps.
Status Migrate(Database* database, std::span<const std::string_view> steps);

}  // namespace carryall::catalogue
