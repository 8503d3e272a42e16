#include "carryall/catalogue/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

#include "carryall/catalogue/store_schema.h"

namespace carryall::catalogue {
namespace {

// The lock is on a file beside the database: SQLite gives its own up when anything else
// in the process closes the database file.
Result<int> Lock(const std::string& path) {
  const std::string name = path + "-lock";
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return Error(errno == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo,
                 "cannot open catalogue: {}: {}", std::strerror(errno), name);
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  close(fd);
  if (error == EWOULDBLOCK) {
    return Error(ErrorKind::kUnavailable, "catalogue is in use by another process: {}",
                 path);
  }
  return Error(ErrorKind::kIo, "cannot lock catalogue: {}: {}", std::strerror(error),
               name);
}

// Whether a database is ours, or empty. Reads only.
Status CheckOwner(Database* database) {
  ARROW_ASSIGN_OR_RAISE(const int64_t id, database->Number("PRAGMA application_id"));
  ARROW_ASSIGN_OR_RAISE(const int64_t tables,
                        database->Number("SELECT count(*) FROM sqlite_schema"));
  if (id == kApplicationId || (id == 0 && tables == 0)) return Status::OK();
  return Error(ErrorKind::kInvalidArgument,
               "not a catalogue, but the SQLite file of another program: {}",
               database->path());
}

}  // namespace

struct Store::Statements {
  Statement add_publisher, set_publisher, drop_publisher, add_partition, set_partition,
      put_channel, drop_channel;
};

Store::Store(int lock, StepHook hook) : lock_(lock), hook_(std::move(hook)) {}

Store::~Store() {
  statements_.reset();
  database_.reset();
  close(lock_);
}

Result<std::unique_ptr<Store>> Store::Open(const std::string& path, StepHook hook) {
  ARROW_ASSIGN_OR_RAISE(const int lock, Lock(path));
  std::unique_ptr<Store> out(new Store(lock, std::move(hook)));
  ARROW_ASSIGN_OR_RAISE(out->database_, Database::Open(path, false));
  Database* const database = out->database_.get();
  ARROW_RETURN_NOT_OK(CheckOwner(database));
  out->Step("journal");
  // An acknowledged commit is on the disk: FULL syncs the journal at each.
  ARROW_RETURN_NOT_OK(
      database->Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA "
                        "mmap_size = 1073741824"));
  out->Step("migrate");
  ARROW_RETURN_NOT_OK(Migrate(database, kMigrations));
  ARROW_RETURN_NOT_OK(out->Prepare());
  return out;
}

Status Store::Prepare() {
  const auto prepare = [this](std::string_view sql) { return database_->Prepare(sql); };
  ARROW_ASSIGN_OR_RAISE(
      auto add_publisher,
      prepare(
          "INSERT INTO publishers(stride, max_latency, dynamic, replay_id, name, active) "
          "VALUES(?, ?, ?, ?, ?, 1)"));
  ARROW_ASSIGN_OR_RAISE(
      auto set_publisher,
      prepare("UPDATE publishers SET stride = ?, max_latency = ?, dynamic = ?, "
              "replay_id = ?, active = 1 WHERE id = ?"));
  ARROW_ASSIGN_OR_RAISE(auto drop_publisher,
                        prepare("UPDATE publishers SET active = 0 WHERE id = ?"));
  ARROW_ASSIGN_OR_RAISE(
      auto add_partition,
      prepare("INSERT INTO partitions(next_index, subsystem, data_type, publisher, name) "
              "VALUES(?, ?, ?, ?, ?)"));
  ARROW_ASSIGN_OR_RAISE(auto set_partition,
                        prepare("UPDATE partitions SET next_index = ? WHERE id = ?"));
  ARROW_ASSIGN_OR_RAISE(auto put_channel,
                        prepare("INSERT OR REPLACE INTO channels(name, publisher, "
                                "data_type, sample_rate, partition, partition_index) "
                                "VALUES(?, ?, ?, ?, ?, ?)"));
  ARROW_ASSIGN_OR_RAISE(auto drop_channel,
                        prepare("DELETE FROM channels WHERE name = ? AND publisher = ?"));
  statements_ = std::make_unique<Statements>(Statements{
      std::move(add_publisher), std::move(set_publisher), std::move(drop_publisher),
      std::move(add_partition), std::move(set_partition), std::move(put_channel),
      std::move(drop_channel)});
  return Status::OK();
}

Status Store::Commit(const StoreChange& change) {
  Step("begin");
  ARROW_RETURN_NOT_OK(database_->Execute("BEGIN IMMEDIATE"));
  added_.clear();
  Status done = Write(change);
  if (done.ok()) {
    Step("commit");
    done = database_->Execute("COMMIT");
  }
  if (!done.ok()) {
    (void)database_->Execute("ROLLBACK");
    for (const auto& [rows, name] : added_) rows->erase(name);
    return done;
  }
  Step("committed");
  return Status::OK();
}

Status Store::Write(const StoreChange& change) {
  ARROW_RETURN_NOT_OK(WritePublishers(change));
  ARROW_RETURN_NOT_OK(WritePartitions(change));
  ARROW_RETURN_NOT_OK(WriteChannels(change));
  for (const std::string& id : change.removed_publishers) {
    Step("drop publisher");
    ARROW_RETURN_NOT_OK(
        statements_->drop_publisher.Bind(1, publisher_rows_.at(id)).Run());
  }
  return Status::OK();
}

Status Store::WritePublishers(const StoreChange& change) {
  for (const PublisherConfig& publisher : change.publishers) {
    Step("publisher");
    const auto row = publisher_rows_.find(publisher.publisher_id);
    const bool known = row != publisher_rows_.end();
    Statement& put = known ? statements_->set_publisher : statements_->add_publisher;
    put.Bind(1, publisher.stride.ns())
        .Bind(2, publisher.max_latency.ns())
        .Bind(3, int64_t{publisher.dynamic})
        .Bind(4, publisher.replay_id);
    known ? put.Bind(5, row->second)
          : put.Bind(5, std::string_view(publisher.publisher_id));
    ARROW_RETURN_NOT_OK(put.Run());
    if (known) continue;
    publisher_rows_.emplace(publisher.publisher_id, database_->LastRowId());
    added_.emplace_back(&publisher_rows_, publisher.publisher_id);
  }
  return Status::OK();
}

Status Store::WritePartitions(const StoreChange& change) {
  for (const auto& [id, partition] : change.partitions) {
    Step("partition");
    const auto row = partition_rows_.find(id);
    const bool known = row != partition_rows_.end();
    Statement& put = known ? statements_->set_partition : statements_->add_partition;
    put.Bind(1, static_cast<int64_t>(partition.next_index));
    if (known) {
      put.Bind(2, row->second);
    } else {
      put.Bind(2, std::string_view(partition.subsystem))
          .Bind(3, Name(partition.data_type))
          .Bind(4, publisher_rows_.at(partition.publisher))
          .Bind(5, std::string_view(id));
    }
    ARROW_RETURN_NOT_OK(put.Run());
    if (known) continue;
    partition_rows_.emplace(id, database_->LastRowId());
    added_.emplace_back(&partition_rows_, id);
  }
  return Status::OK();
}

Status Store::WriteChannels(const StoreChange& change) {
  for (const Channel& channel : change.removed) {
    Step("drop channel");
    ARROW_RETURN_NOT_OK(statements_->drop_channel.Bind(1, std::string_view(channel.name))
                            .Bind(2, publisher_rows_.at(channel.publisher.value()))
                            .Run());
  }
  for (const Channel& channel : change.channels) {
    Step("channel");
    ARROW_RETURN_NOT_OK(statements_->put_channel.Bind(1, std::string_view(channel.name))
                            .Bind(2, publisher_rows_.at(channel.publisher.value()))
                            .Bind(3, Name(channel.data_type))
                            .Bind(4, int64_t{channel.sample_rate.hz()})
                            .Bind(5, partition_rows_.at(channel.partition_id.value()))
                            .Bind(6, int64_t{channel.partition_index.value()})
                            .Run());
  }
  return Status::OK();
}

}  // namespace carryall::catalogue
