#include "carryall/catalogue/sqlite.h"

#include <sqlite3.h>

namespace carryall::catalogue {
namespace {

constexpr int kBusyTimeoutMs = 5000;

ErrorKind KindOfCode(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:  // no such table or column: the statements themselves are right
      return ErrorKind::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::kUnavailable;
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return ErrorKind::kResourceExhausted;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_INTERNAL:
      return ErrorKind::kInternal;
    default:
      return ErrorKind::kIo;
  }
}

Status Failure(sqlite3* handle, std::string_view action, const std::string& path) {
  return Error(KindOfCode(sqlite3_extended_errcode(handle)),
               "cannot {} catalogue: {}: {}", action, sqlite3_errmsg(handle), path);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

// A failed binding leaves a null, which the schema refuses.
Statement& Statement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.empty() ? "" : text.data(),
                      text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::Bind(int parameter, const std::optional<std::string>& text) {
  if (text) return Bind(parameter, std::string_view(*text));
  sqlite3_bind_null(statement_.get(), parameter);
  return *this;
}

Result<bool> Statement::Next() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Failure(sqlite3_db_handle(statement_.get()),
                 sqlite3_stmt_readonly(statement_.get()) ? "read" : "write", *path_);
}

Status Statement::Run() {
  Result<bool> more = true;
  while (more.ok() && *more) more = Next();
  sqlite3_reset(statement_.get());
  return more.status();
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::Text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                 bool read_only) {
  std::unique_ptr<Database> out(new Database(path));
  sqlite3* handle = nullptr;
  const int flags =
      (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  out->handle_.reset(handle);
  if (handle == nullptr) {
    return Error(ErrorKind::kResourceExhausted, "cannot open catalogue: no memory: {}",
                 path);
  }
  if (code != SQLITE_OK) return Failure(handle, "open", path);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  // A file is data, whoever wrote it: no functions or tables of its own choosing.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return out;
}

Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return Status::OK();
  }
  return Failure(handle_.get(), "write", path_);
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Failure(handle_.get(), "read", path_);
  return Statement(statement, &path_);
}

Result<int64_t> Database::Number(std::string_view sql) {
  ARROW_ASSIGN_OR_RAISE(Statement statement, Prepare(sql));
  ARROW_ASSIGN_OR_RAISE(const bool row, statement.Next());
  return row ? statement.Int(0) : 0;
}

int64_t Database::LastRowId() const { return sqlite3_last_insert_rowid(handle_.get()); }

Status Migrate(Database* database, std::span<const std::string_view> steps) {
  ARROW_ASSIGN_OR_RAISE(const int64_t version, database->Number("PRAGMA user_version"));
  if (version < 0 || version > static_cast<int64_t>(steps.size())) {
    return Error(ErrorKind::kUnsupported,
                 "catalogue is of a later version: {}, this program knows up to {}: {}",
                 version, steps.size(), database->path());
  }
  for (size_t step = static_cast<size_t>(version); step < steps.size(); ++step) {
    Status done = database->Execute(fmt::format(
        "BEGIN IMMEDIATE; {}; PRAGMA user_version = {}; COMMIT", steps[step], step + 1));
    if (!done.ok()) {
      (void)database->Execute("ROLLBACK");
      return WithContext(done, fmt::format("migration to version {}", step + 1));
    }
  }
  return Status::OK();
}

}  // namespace carryall::catalogue
