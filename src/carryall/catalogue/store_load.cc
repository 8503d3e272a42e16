#include <algorithm>
#include <span>
#include <system_error>
#include <thread>

#include "carryall/catalogue/store.h"

namespace carryall::catalogue {
namespace {

constexpr uint64_t kIndexes = uint64_t{1} << 32;
// More channels are read by two threads.
constexpr int64_t kChannelsAThread = 50'000;
// Of a store; beyond, the count is damage.
constexpr int64_t kMaxChannels = 100'000'000;

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
      partitions_[rows.Int(0)] =
          &contents.partitions.emplace(id, std::move(partition)).first->second;
    }
  }

  Status Channels() {
    ARROW_ASSIGN_OR_RAISE(const int64_t count,
                          database_->Number("SELECT count(*) FROM channels"));
    if (count > kMaxChannels) {
      return Error(ErrorKind::kResourceExhausted,
                   "too many channels in catalogue: {}: {}", count, database_->path());
    }
    contents.channels.resize(static_cast<size_t>(count));
    ChannelRows all(this, contents.channels);
    if (count < 2 * kChannelsAThread) {
      ARROW_RETURN_NOT_OK(all.Read(database_, {}, {}));
      return Count({&all});
    }
    ARROW_ASSIGN_OR_RAISE(
        Statement middle,
        database_->Prepare(
            "SELECT name, publisher FROM channels ORDER BY name, publisher "
            "LIMIT 1 OFFSET ?"));
    ARROW_ASSIGN_OR_RAISE(const bool there, middle.Bind(1, count / 2).Next());
    const std::string split(there ? middle.Text(0) : "");
    ARROW_ASSIGN_OR_RAISE(const int64_t same,
                          SameBefore(split, there ? middle.Int(1) : 0));
    return ReadBoth(split, static_cast<size_t>(std::max<int64_t>(count / 2 - same, 0)));
  }

  StoreContents contents;
  std::unordered_map<std::string, int64_t> PublisherRows() const {
    std::unordered_map<std::string, int64_t> out;
    for (const auto& [row, publisher] : publishers_) out[publisher.publisher_id] = row;
    return out;
  }
  std::unordered_map<std::string, int64_t> PartitionRows() const {
    std::unordered_map<std::string, int64_t> out;
    for (const auto& [row, partition] : partitions_) out[partition->id] = row;
    return out;
  }

 private:
  Status Damaged(std::string_view what, std::string_view name,
                 std::string_view why) const {
    return Error(ErrorKind::kCorrupt, "catalogue is damaged: {} '{}': {}: {}", what,
                 name.substr(0, 256), why, database_->path());
  }

  // The channel rows of a range of names, read into their place. Several can read at
  // once.
  class ChannelRows {
   public:
    ChannelRows(const Loader* loader, std::span<Channel> out)
        : loader_(*loader), out_(out) {}

    // Names from `lower` on and before `upper`, where there is one.
    Status Read(Database* database, const std::string& lower,
                const std::optional<std::string>& upper) {
      ARROW_ASSIGN_OR_RAISE(
          Statement rows, database->Prepare(fmt::format(
                              "SELECT name, publisher, data_type, sample_rate, "
                              "partition, partition_index "
                              "FROM channels WHERE name >= ? {} ORDER BY name, publisher",
                              upper ? "AND name < ?" : "")));
      rows.Bind(1, std::string_view(lower));
      if (upper) rows.Bind(2, std::string_view(*upper));
      size_t read = 0;
      while (true) {
        ARROW_ASSIGN_OR_RAISE(const bool more, rows.Next());
        if (more != (read < out_.size())) {
          return loader_.Damaged("table", "channels", "number of rows");
        }
        if (!more) return Status::OK();
        ARROW_RETURN_NOT_OK(ReadChannel(rows, &out_[read++]));
      }
    }

    // What is in each partition.
    struct Members {
      std::vector<uint32_t> indexes;
      int64_t bytes = 0;
    };
    std::unordered_map<Partition*, Members> members;

   private:
    Status ReadChannel(const Statement& rows, Channel* out) {
      Channel& channel = *out;
      channel.name = rows.Text(0);
      const auto damaged = [&](std::string_view why) {
        return loader_.Damaged("channel", channel.name, why);
      };
      if (!CheckChannelName(channel.name).ok()) return damaged("bad name");
      // Neighbours mostly share publisher, type and partition.
      if (publisher_ == nullptr || rows.Int(1) != publisher_row_) {
        const auto it = loader_.publishers_.find(rows.Int(1));
        if (it == loader_.publishers_.end()) return damaged("no such publisher");
        publisher_row_ = it->first;
        publisher_ = &it->second;
      }
      if (const std::string_view type = rows.Text(2); type != Name(type_)) {
        const Result<DataType> read = DataTypeFromName(type);
        if (!read.ok()) return damaged(read.status().message());
        type_ = *read;
      }
      channel.data_type = type_;
      const Result<SampleRate> rate = SampleRate::Make(rows.Int(3));
      if (!rate.ok()) return damaged(rate.status().message());
      channel.sample_rate = *rate;
      if (partition_ == nullptr || rows.Int(4) != partition_row_) {
        const auto it = loader_.partitions_.find(rows.Int(4));
        if (it == loader_.partitions_.end()) return damaged("no such partition");
        partition_row_ = it->first;
        partition_ = it->second;
        members_ = &members[partition_];
      }
      const int64_t index = rows.Int(5);
      if (partition_->publisher != publisher_->publisher_id) {
        return damaged("wrong partition");
      }
      if (index < 0 || static_cast<uint64_t>(index) >= partition_->next_index) {
        return damaged("bad partition_index");
      }
      members_->indexes.push_back(static_cast<uint32_t>(index));
      members_->bytes += RowBytes(channel, publisher_->stride);
      channel.publisher = publisher_->publisher_id;
      channel.partition_id = partition_->id;
      channel.partition_index = static_cast<uint32_t>(index);
      channel.stride = publisher_->stride;
      channel.max_latency = publisher_->max_latency;
      channel.replay_id = publisher_->replay_id;
      return Status::OK();
    }

    const Loader& loader_;
    const std::span<Channel> out_;
    // Of the last row.
    int64_t publisher_row_ = 0, partition_row_ = 0;
    const PublisherConfig* publisher_ = nullptr;
    Partition* partition_ = nullptr;
    Members* members_ = nullptr;
    DataType type_ = DataType::kFloat64;
  };

  // The rows of a name before that of a publisher.
  Result<int64_t> SameBefore(const std::string& name, int64_t publisher) {
    ARROW_ASSIGN_OR_RAISE(
        Statement before,
        database_->Prepare(
            "SELECT count(*) FROM channels WHERE name = ? AND publisher < ?"));
    ARROW_ASSIGN_OR_RAISE(
        const bool there,
        before.Bind(1, std::string_view(name)).Bind(2, publisher).Next());
    return there ? before.Int(0) : 0;
  }

  // Reads the names before `split`, of which there are `count`, beside the others.
  Status ReadBoth(const std::string& split, size_t count) {
    const std::span<Channel> all(contents.channels);
    ChannelRows lower(this, all.first(count)), upper(this, all.subspan(count));
    ARROW_ASSIGN_OR_RAISE(const auto second, Database::Open(database_->path(), true));
    Status lower_done;
    const auto read_lower = [&] { lower_done = lower.Read(second.get(), "", split); };
    std::thread thread;
    try {
      thread = std::thread(read_lower);
    } catch (const std::system_error&) {  // no thread to be had
      read_lower();
    }
    const Status upper_done = upper.Read(database_, split, {});
    if (thread.joinable()) thread.join();
    ARROW_RETURN_NOT_OK(lower_done);
    ARROW_RETURN_NOT_OK(upper_done);
    return Count({&lower, &upper});
  }

  // Adds up what is in the partitions.
  Status Count(const std::vector<ChannelRows*>& parts) {
    for (const auto& [row, partition] : partitions_) {
      ChannelRows::Members sum;
      for (ChannelRows* part : parts) {
        const auto it = part->members.find(partition);
        if (it == part->members.end()) continue;
        sum.indexes.insert(sum.indexes.end(), it->second.indexes.begin(),
                           it->second.indexes.end());
        sum.bytes += it->second.bytes;
      }
      partition->channels = sum.indexes.size();
      partition->bytes = sum.bytes;
      std::sort(sum.indexes.begin(), sum.indexes.end());
      if (std::adjacent_find(sum.indexes.begin(), sum.indexes.end()) !=
          sum.indexes.end()) {
        return Damaged("partition", partition->id, "an index is there twice");
      }
    }
    return Status::OK();
  }

  Database* const database_;
  std::unordered_map<int64_t, PublisherConfig> publishers_;  // by row
  std::unordered_map<int64_t, Partition*> partitions_;
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
