#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "carryall/relay/relay.h"

/// What the tests of relay share: a cluster without brokers, and channels whose every
/// sample is known from its name and time.
namespace carryall::relay::testing {

#define ASSERT_OK(expression)                                               \
  do {                                                                      \
    const ::arrow::Status status_ = ::arrow::ToStatus(expression);          \
    ASSERT_TRUE(status_.ok()) << #expression << ": " << status_.ToString(); \
  } while (false)

/// The value of a result that must be OK.
template <typename T>
T Value(Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.status().ToString();
    std::abort();
  }
  return std::move(result).ValueOrDie();
}

/// Topics in memory; feeds of it behave as kafka::Consumer does. Thread safe.
class FakeCluster {
 public:
  using Bytes = std::shared_ptr<arrow::Buffer>;

  void CreateTopic(const std::string& topic);
  /// Room for so many messages a topic without further allocations.
  void Reserve(size_t messages);
  /// Creates the topic if need be. `stamp`: the time the message says it was sent.
  void Send(const std::string& topic, Bytes message, GpsTime stamp);
  /// Brokers that are away answer nothing and give nothing.
  void SetReachable(bool reachable);
  /// The next poll of one feed fails.
  void BreakAFeed(Status status);
  /// Topics that some feed reads now.
  std::set<std::string> assigned() const;
  size_t feeds() const;

  std::unique_ptr<Feed> NewFeed(bool report_ends);

 private:
  class FakeFeed;
  struct Entry {
    Bytes bytes;
    GpsTime stamp;
  };
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::vector<Entry>> topics_;
  std::set<const FakeFeed*> feeds_;
  bool reachable_ = true;
  Status broken_;
};

/// Channels "X1:T<topic>-C<i>", `per_topic` a topic, in the order of their names.
struct SiteOptions {
  size_t topics = 3;
  size_t per_topic = 4;
  int64_t hz = 64;
  DataType type = DataType::kFloat32;
  Duration stride = Duration::FromNs(62'500'000);
  std::optional<Duration> latency = Duration::FromSeconds(1);
  size_t clusters = 1;
  std::string partition = "P";  ///< their ids begin with it
};

class Site {
 public:
  explicit Site(SiteOptions options = {});

  const SiteOptions& options() const { return options_; }
  FakeCluster& cluster(size_t i = 0) { return *clusters_[i]; }
  ManualClock& clock() { return clock_; }
  RelayOptions relay_options();

  /// Which channels a stream asks for: topic and number of each.
  std::shared_ptr<const ChannelSet> Channels(
      const std::vector<std::pair<size_t, size_t>>& which) const;
  std::shared_ptr<const ChannelSet> AllChannels() const;
  std::string TopicName(size_t topic) const;

  /// The message of a topic for [time, time + strides): all of its channels, or without
  /// those in `without`; every third sample is missing where `nulls`.
  std::shared_ptr<arrow::Buffer> Message(size_t topic, GpsTime time, int64_t strides = 1,
                                         const std::set<size_t>& without = {},
                                         bool nulls = false) const;
  void Publish(size_t topic, GpsTime time, int64_t strides = 1,
               const std::set<size_t>& without = {}, bool nulls = false);
  void PublishAll(GpsTime time);

  /// What a block has of channel `i`, a letter a sample: '.' right, 'g' missing, 'x'
  /// neither.
  static std::string Check(const SeriesBlock& block, size_t i);
  /// The same for all channels that differ from '.' everywhere: "name:letters ".
  static std::string CheckAll(const SeriesBlock& block);

 private:
  Channel MakeChannel(size_t topic, size_t number) const;

  const SiteOptions options_;
  std::vector<std::shared_ptr<FakeCluster>> clusters_;
  ManualClock clock_;
};

inline const GpsTime kNow = GpsTime::FromSeconds(1'400'000'000);

/// The next block; nothing at the end of the stream, or if `seconds` pass without any.
std::optional<SeriesBlock> NextBlock(backend::BlockSource* source, int seconds = 60);
/// Whether nothing comes for some milliseconds.
bool IsQuiet(backend::BlockSource* source, int ms = 30);
/// Waits until it is true, or a minute.
bool Eventually(const std::function<bool()>& condition);

}  // namespace carryall::relay::testing
