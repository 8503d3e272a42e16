#include "carryall/backend/mock/mock_backend.h"

#include <mutex>
#include <unordered_map>

#include "carryall/backend/mock/default_channels.h"
#include "carryall/backend/mock/generator.h"
#include "carryall/backend/mock/mock_source.h"
#include "carryall/metadata/channel_file.h"

namespace carryall::backend::mock {
namespace {

/// What the files said at one moment. Immutable, but for what streams share of its
/// samples.
struct Snapshot {
  std::shared_ptr<const metadata::Catalogue> catalogue;
  /// By name and replay id ("" for none), as the catalogue's keys.
  std::unordered_map<std::string, std::unique_ptr<const Generator>> generators;
  mutable SharedSamples shared;
};

std::string Key(const Channel& channel) {
  return channel.name + '\n' + channel.replay_id.value_or("");
}

Result<std::shared_ptr<const Snapshot>> Read(const MockOptions& options) {
  std::vector<metadata::ChannelConfig> configs;
  if (options.files.empty()) {
    configs = DefaultChannels();
  } else {
    ARROW_ASSIGN_OR_RAISE(configs, metadata::ReadChannelFiles(options.files));
  }
  auto snapshot = std::make_shared<Snapshot>();
  std::vector<Channel> channels;
  channels.reserve(configs.size());
  for (metadata::ChannelConfig& config : configs) {
    ARROW_ASSIGN_OR_RAISE(snapshot->generators[Key(config.channel)],
                          MakeGenerator(config, options.seed));
    channels.push_back(std::move(config.channel));
  }
  ARROW_ASSIGN_OR_RAISE(snapshot->catalogue,
                        metadata::Catalogue::Make(std::move(channels)));
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

/// Keeps the snapshot whose generators the source uses.
class PinnedSource final : public BlockSource {
 public:
  PinnedSource(std::shared_ptr<const Snapshot> snapshot,
               std::unique_ptr<BlockSource> source)
      : snapshot_(std::move(snapshot)), source_(std::move(source)) {}
  Result<SourceStep> Next(const std::stop_token& stop, SteadyTime deadline) override {
    return source_->Next(stop, deadline);
  }

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<BlockSource> source_;
};

class MockBackend final : public Backend {
 public:
  MockBackend(MockOptions options, std::shared_ptr<const Snapshot> snapshot)
      : options_(std::move(options)), snapshot_(std::move(snapshot)) {}

  std::string_view name() const override { return "mock"; }
  Retention retention() const override { return {}; }
  std::shared_ptr<const metadata::Catalogue> catalogue() const override {
    return snapshot()->catalogue;
  }

  Result<std::unique_ptr<BlockSource>> Stream(StreamRequest request) override {
    const auto snapshot = this->snapshot();
    MockStream stream;
    for (const Channel& channel : request.channels->channels()) {
      const auto it = snapshot->generators.find(Key(channel));
      if (it == snapshot->generators.end()) {
        return Error(ErrorKind::kUnavailable, "channel is no longer available: {}",
                     channel.name);
      }
      stream.generators.push_back(it->second.get());
    }
    stream.request = std::move(request);
    stream.faults = options_.faults;
    stream.seed = options_.seed;
    stream.clock = options_.clock;
    stream.place = rota_->Take();
    stream.shared = &snapshot->shared;
    ARROW_ASSIGN_OR_RAISE(auto source, MakeMockSource(std::move(stream)));
    return std::make_unique<PinnedSource>(snapshot, std::move(source));
  }

  Status Reload() override {
    ARROW_ASSIGN_OR_RAISE(auto snapshot, Read(options_));
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
    return Status::OK();
  }

 private:
  std::shared_ptr<const Snapshot> snapshot() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

  const MockOptions options_;
  const std::shared_ptr<Rota> rota_ = std::make_shared<Rota>();
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace

Result<std::shared_ptr<Backend>> MakeMockBackend(MockOptions options) {
  ARROW_ASSIGN_OR_RAISE(auto snapshot, Read(options));
  return std::make_shared<MockBackend>(std::move(options), std::move(snapshot));
}

}  // namespace carryall::backend::mock
