#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "carryall/catalogue/partition.h"
#include "carryall/catalogue/publisher_files.h"
#include "carryall/catalogue/sqlite.h"

namespace carryall::catalogue {

/// Publishers by id.
using Publishers = std::map<std::string, PublisherConfig, std::less<>>;

/// Everything a store holds.
struct StoreContents {
  Publishers publishers;
  Partitions partitions;
  std::vector<Channel> channels;  ///< with all fields; in name order
};

/// What a commit changes. Whatever it names exists afterwards as it says, or is gone.
struct StoreChange {
  std::vector<PublisherConfig> publishers;
  Partitions partitions;          ///< of these publishers, or of those already there
  std::vector<Channel> channels;  ///< with publisher, partition id and index
  std::vector<Channel> removed;
  /// Whose channels are all removed. Their partitions stay: were their indexes handed out
  /// again, what is still in the topics would get other names.
  std::vector<std::string> removed_publishers;
};

/// Is told the name of each step before it is taken. For tests.
using StepHook = std::function<void(std::string_view step)>;

/// The SQLite file of a catalogue. A commit is there as a whole, also when
/// the process or the machine dies the moment after it returned, or not at all. One
/// process has it at a time. For one thread at a time.
class Store {
 public:
  /// Opens or makes a store. kUnavailable if another process has it; kCorrupt,
  /// kUnsupported (of a later version) or kInvalidArgument (another program's) naming the
  /// file.
  static Result<std::unique_ptr<Store>> Open(const std::string& path, StepHook hook = {});
  ~Store();

  /// Reads everything. kCorrupt naming file and channel if something in it cannot be.
  Result<StoreContents> Load();
  /// After an error nothing of it has happened.
  Status Commit(const StoreChange& change);

 private:
  struct Statements;
  // Rows that exist under names.
  using Rows = std::unordered_map<std::string, int64_t>;

  Store(int lock, StepHook hook);
  Status Prepare();
  Status Write(const StoreChange& change);
  Status WritePublishers(const StoreChange& change);
  Status WritePartitions(const StoreChange& change);
  Status WriteChannels(const StoreChange& change);
  void Step(std::string_view step) const {
    if (hook_) hook_(step);
  }

  const int lock_;
  const StepHook hook_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;
  Rows publisher_rows_, partition_rows_;
  // Rows that the commit under way added.
  std::vector<std::pair<Rows*, std::string>> added_;
};

}  // namespace carryall::catalogue
