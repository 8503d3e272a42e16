#pragma once

#include <memory>
#include <string>
#include <vector>

#include "carryall/catalogue/catalogue.h"
#include "carryall/kafka/admin.h"

namespace carryall::backend::kafka {

struct TopicOptions {
  std::string brokers;
  Duration retention;
  int replication = -1;
  Duration timeout;  ///< of each call; longer where many topics are to be made
};

/// Makes the topics that publishers write to. Thread safe.
class Topics {
 public:
  /// Fails if no broker answers in time.
  static Result<std::unique_ptr<Topics>> Make(TopicOptions options);

  /// Makes the topics of new partitions; returns once they can be written.
  Status Create(const catalogue::PublisherConfig& publisher,
                const std::vector<std::string>& partitions);

  /// Makes those that the brokers do not have, e.g. because somebody deleted them.
  Status CreateMissing(const std::vector<catalogue::Partition>& partitions,
                       const catalogue::Publishers& publishers);

  /// Makes the topic in which other servers read of a publisher.
  Status CreateMetadata(std::string_view publisher_id, const carryall::kafka::Wait& wait);

  const std::string& brokers() const { return options_.brokers; }

 private:
  Topics(TopicOptions options, std::unique_ptr<carryall::kafka::Admin> admin)
      : options_(std::move(options)), admin_(std::move(admin)) {}
  Status Create(const std::vector<std::string>& names);

  const TopicOptions options_;
  const std::unique_ptr<carryall::kafka::Admin> admin_;
};

}  // namespace carryall::backend::kafka
