#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/kafka/handle.h"

namespace carryall::kafka {

/// A topic to be made.
struct TopicSpec {
  std::string name;
  int partitions = 1;
  int replication = -1;                            ///< -1: as the cluster is set up
  std::optional<Duration> retention = {};          ///< whole milliseconds
  std::map<std::string, std::string> config = {};  ///< e.g. cleanup.policy = compact
};

/// What a cluster says about a topic.
struct TopicConfig {
  bool exists = false;
  std::optional<Duration> retention;  ///< nothing: for ever
  std::map<std::string, std::string> config;
};

struct TopicMetadata {
  std::string name;
  int partitions = 0;
  int replication = 0;       ///< of its first partition
  bool has_leaders = false;  ///< every partition can be read and written now
};

struct ClusterMetadata {
  std::string cluster_id;
  std::vector<std::string> brokers;   ///< host:port
  std::vector<TopicMetadata> topics;  ///< by name
};

/// Makes, describes and deletes topics. Every call ends by its deadline and names topic
/// and brokers when it fails. Thread safe.
class Admin {
 public:
  static Result<std::unique_ptr<Admin>> Make(const ClusterOptions& cluster);

  /// Returns when every topic exists and a broker says so, those that were there before
  /// included (whatever they are like). Otherwise the first failure; the others may have
  /// been made.
  Status CreateTopics(const std::vector<TopicSpec>& topics, const Wait& wait);

  /// One answer a topic, in the order asked; a topic that does not exist is no error.
  Result<std::vector<TopicConfig>> Describe(const std::vector<std::string>& topics,
                                            const Wait& wait);

  /// Returns when a broker says that they are gone, or were never there.
  Status DeleteTopics(const std::vector<std::string>& topics, const Wait& wait);

  /// Deletes all records of a topic's partition 0 before `offset`.
  Status DeleteRecords(const std::string& topic, int64_t offset, const Wait& wait);

  /// All topics of the cluster, or only the one named (none if it does not exist).
  Result<ClusterMetadata> Metadata(const Wait& wait,
                                   std::optional<std::string> topic = {});

 private:
  explicit Admin(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}
  Status CreateSome(const TopicSpec* begin, const TopicSpec* end, const Wait& wait);
  /// Waits until a broker knows all topics, or none of them.
  Status AwaitTopics(std::vector<std::string> topics, bool exist, const Wait& wait);
  Status DescribeSome(const std::string* begin, const std::string* end, const Wait& wait,
                      std::vector<TopicConfig>* out);

  const std::shared_ptr<Handle> handle_;
};

}  // namespace carryall::kafka
