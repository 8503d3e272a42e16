#include <algorithm>
#include <limits>

#include "carryall/catalogue/store.h"

namespace carryall::catalogue {
namespace {

constexpr uint64_t kIndexes = uint64_t{1} << 32;

// Reads the three tables of a store; whatever is in them is checked before it counts.
class Loader {
 public:
  explicit Loader(Database* database) : database_(database) {}

  Status Publishers() {
    ARROW_ASSIGN_OR_RAISE(
        Statement rows,
        database_->Prepare("SELECT id, name, stride, max_latency, dynamic, "
                           "replay_id, active FROM publishers"));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const bool more, rows.Next());
      if (!more) return Status::OK();
      PublisherConfig publisher;
      publisher.publisher_id = rows.Text(1);
      publisher.stride = Duration::FromNs(rows.Int(2));
      publisher.max_latency = Duration::FromNs(rows.Int(3));
      publisher.dynamic = rows.Int(4) != 0;
      if (!rows.IsNull(5)) publisher.replay_id = rows.Text(5);
      if (const Status checked = CheckPublisher(publisher); !checked.ok()) {
        return Damaged("publisher", publisher.publisher_id, checked.message());
      }
      if (rows.Int(6) != 0) contents.publishers[publisher.publisher_id] = publisher;
      publishers_[rows.Int(0)] = std::move(publisher);
    }
  }

  Status Partitions() {
    ARROW_ASSIGN_OR_RAISE(Statement rows,
                          database_->Prepare("SELECT id, name, publisher, subsystem, "
                                             "data_type, next_index FROM partitions"));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const bool more, rows.Next());
      if (!more) return Status::OK();
      Partition partition;
      partition.id = rows.Text(1);
      const auto damaged = [&](std::string_view why) {
        return Damaged("partition", partition.id, why);
      };
      if (!IsTopicText(partition.id, kMaxPartitionIdBytes)) return damaged("bad id");
      const auto publisher = publishers_.find(rows.Int(2));
      if (publisher == publishers_.end()) return damaged("no such publisher");
      partition.publisher = publisher->second.publisher_id;
      partition.subsystem = rows.Text(3);
      const Result<DataType> type = DataTypeFromName(rows.Text(4));
      if (!type.ok()) return damaged(type.status().message());
      partition.data_type = *type;
      partition.next_index = static_cast<uint64_t>(rows.Int(5));
      if (partition.next_index > kIndexes) return damaged("bad next_index");
      const std::string id = partition.id;
      partitions_[rows.Int(0)].partition =
          &contents.partitions.emplace(id, std::move(partition)).first->second;
    }
  }

  Status Channels() {
    ARROW_ASSIGN_OR_RAISE(const int64_t count,
                          database_->Number("SELECT count(*) FROM channels"));
    contents.channels.reserve(static_cast<size_t>(count));
    ARROW_ASSIGN_OR_RAISE(
        Statement rows,
        database_->Prepare("SELECT name, publisher, data_type, sample_rate, partition, "
                           "partition_index FROM channels ORDER BY name, publisher"));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const bool more, rows.Next());
      if (!more) break;
      ARROW_RETURN_NOT_OK(ReadChannel(rows));
    }
    return CheckIndexes();
  }

  StoreContents contents;
  std::unordered_map<std::string, int64_t> PublisherRows() const {
    std::unordered_map<std::string, int64_t> out;
    for (const auto& [row, publisher] : publishers_) out[publisher.publisher_id] = row;
    return out;
  }
  std::unordered_map<std::string, int64_t> PartitionRows() const {
    std::unordered_map<std::string, int64_t> out;
    for (const auto& [row, members] : partitions_) out[members.partition->id] = row;
    return out;
  }

 private:
  struct Members {
    Partition* partition = nullptr;
    std::vector<uint32_t> indexes;
  };

  Status Damaged(std::string_view what, std::string_view name,
                 std::string_view why) const {
    return Error(ErrorKind::kCorrupt, "catalogue is damaged: {} '{}': {}: {}", what,
                 name.substr(0, 256), why, database_->path());
  }

  Status ReadChannel(const Statement& rows) {
    Channel& channel = contents.channels.emplace_back();
    channel.name = rows.Text(0);
    const auto damaged = [&](std::string_view why) {
      return Damaged("channel", channel.name, why);
    };
    if (!ParseChannelName(channel.name).ok()) return damaged("bad name");
    // Neighbours mostly share publisher, type and partition.
    if (last_publisher_ == nullptr || rows.Int(1) != last_publisher_->first) {
      const auto it = publishers_.find(rows.Int(1));
      if (it == publishers_.end()) return damaged("no such publisher");
      last_publisher_ = &*it;
    }
    const PublisherConfig& publisher = last_publisher_->second;
    if (const std::string_view type = rows.Text(2); type != Name(last_type_)) {
      const Result<DataType> read = DataTypeFromName(type);
      if (!read.ok()) return damaged(read.status().message());
      last_type_ = *read;
    }
    channel.data_type = last_type_;
    const Result<SampleRate> rate = SampleRate::Make(rows.Int(3));
    if (!rate.ok()) return damaged(rate.status().message());
    channel.sample_rate = *rate;
    if (last_partition_ == nullptr || rows.Int(4) != last_partition_->first) {
      const auto it = partitions_.find(rows.Int(4));
      if (it == partitions_.end()) return damaged("no such partition");
      last_partition_ = &*it;
    }
    Members& members = last_partition_->second;
    Partition& partition = *members.partition;
    const int64_t index = rows.Int(5);
    if (partition.publisher != publisher.publisher_id) return damaged("wrong partition");
    if (index < 0 || static_cast<uint64_t>(index) >= partition.next_index) {
      return damaged("bad partition_index");
    }
    members.indexes.push_back(static_cast<uint32_t>(index));
    ++partition.channels;
    partition.bytes += RowBytes(channel, publisher.stride);
    channel.publisher = publisher.publisher_id;
    channel.partition_id = partition.id;
    channel.partition_index = static_cast<uint32_t>(index);
    channel.stride = publisher.stride;
    channel.max_latency = publisher.max_latency;
    channel.replay_id = publisher.replay_id;
    return Status::OK();
  }

  Status CheckIndexes() {
    for (auto& [row, members] : partitions_) {
      std::sort(members.indexes.begin(), members.indexes.end());
      if (std::adjacent_find(members.indexes.begin(), members.indexes.end()) !=
          members.indexes.end()) {
        return Damaged("partition", members.partition->id, "an index is there twice");
      }
    }
    return Status::OK();
  }

  Database* const database_;
  std::unordered_map<int64_t, PublisherConfig> publishers_;
  std::unordered_map<int64_t, Members> partitions_;
  const std::pair<const int64_t, PublisherConfig>* last_publisher_ = nullptr;
  std::pair<const int64_t, Members>* last_partition_ = nullptr;
  DataType last_type_ = DataType::kFloat64;
};

}  // namespace

Result<StoreContents> Store::Load() {
  Loader loader(database_.get());
  ARROW_RETURN_NOT_OK(loader.Publishers());
  ARROW_RETURN_NOT_OK(loader.Partitions());
  ARROW_RETURN_NOT_OK(loader.Channels());
  publisher_rows_ = loader.PublisherRows();
  partition_rows_ = loader.PartitionRows();
  return std::move(loader.contents);
}

}  // namespace carryall::catalogue
