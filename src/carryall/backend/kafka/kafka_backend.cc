#include "carryall/backend/kafka/kafka_backend.h"

#include <filesystem>
#include <mutex>

#include "carryall/backend/kafka/announcer.h"
#include "carryall/backend/kafka/follower.h"
#include "carryall/backend/kafka/topics.h"
#include "carryall/base/log.h"
#include "carryall/catalogue/catalogue.h"
#include "carryall/kafka/handle.h"
#include "carryall/relay/relay.h"

namespace carryall::backend::kafka {
namespace {

using carryall::catalogue::Catalogue;
using carryall::catalogue::PublisherConfig;
using carryall::catalogue::PublisherFile;
using carryall::catalogue::Registration;

std::string ReplayText(const std::optional<std::string>& replay_id) {
  return replay_id ? "replay '" + replay_id->substr(0, 128) + "'" : "live data";
}

class KafkaBackend final : public Backend, public Registrar {
 public:
  KafkaBackend(KafkaOptions options, std::unique_ptr<Catalogue> catalogue,
               std::unique_ptr<Topics> topics, std::unique_ptr<relay::Relay> relay)
      : options_(std::move(options)),
        catalogue_(std::move(catalogue)),
        topics_(std::move(topics)),
        relay_(std::move(relay)) {}

  Status Start() {
    ARROW_ASSIGN_OR_RAISE(announcer_, Announcer::Make(catalogue_.get(), topics_.get()));
    ARROW_RETURN_NOT_OK(Reload());
    if (options_.sync_publishers.empty()) return Status::OK();
    for (const std::string& id : options_.sync_publishers) {
      if (catalogue_->IsConfigured(id)) {
        return Error(ErrorKind::kInvalidArgument,
                     "publisher is configured here, not to be taken over: '{}'", id);
      }
    }
    FollowerOptions following;
    following.brokers = options_.brokers;
    following.publishers = options_.sync_publishers;
    following.changed = [this](const Registration& done) { EndStreamsOf(done); };
    return Follower::Make(catalogue_.get(), std::move(following)).Value(&follower_);
  }

  std::string_view name() const override { return "kafka"; }
  Retention retention() const override { return {0, options_.retention.seconds()}; }
  std::shared_ptr<const metadata::Catalogue> catalogue() const override {
    return catalogue_->snapshot();
  }
  Registrar* registrar() override { return this; }

  Result<std::unique_ptr<BlockSource>> Stream(StreamRequest request) override {
    return relay_->Stream(std::move(request));
  }

  Status Reload() override {
    ARROW_ASSIGN_OR_RAISE(const auto files, carryall::catalogue::ReadPublisherFiles(
                                                options_.publisher_configs));
    return Configure(files);
  }

  Status Configure(const std::vector<PublisherFile>& files) {
    ARROW_ASSIGN_OR_RAISE(const Registration done,
                          catalogue_->Configure(files, Preparing()));
    if (!done.changed.empty() || !done.removed.empty()) {
      Log(LogLevel::kInfo, "publishers configured: files={} changed={} removed={}",
          files.size(), done.changed.size(), done.removed.size());
    }
    ARROW_ASSIGN_OR_RAISE(const auto partitions, catalogue_->Partitions());
    ARROW_RETURN_NOT_OK(topics_->CreateMissing(partitions, *catalogue_->publishers()));
    EndStreamsOf(done);
    announcer_->Changed(done);
    announcer_->Configured();
    return Status::OK();
  }

  Result<std::map<std::string, std::string>> PublisherProperties(
      std::string_view publisher_id,
      const std::optional<std::string>& replay_id) override {
    // Others' publishers of live data need nothing but the brokers.
    std::optional<std::string> own;
    const auto publishers = catalogue_->publishers();
    const auto known = publishers->find(publisher_id);
    if (known != publishers->end()) own = known->second.replay_id;
    if (own != replay_id) {
      return Error(ErrorKind::kPermissionDenied,
                   "publisher is configured for {} and cannot publish {}: '{}'",
                   ReplayText(own), ReplayText(replay_id), publisher_id.substr(0, 256));
    }
    return std::map<std::string, std::string>{{"bootstrap.servers", topics_->brokers()}};
  }

  Result<std::vector<Channel>> Register(std::string_view publisher_id,
                                        const std::optional<std::string>& replay_id,
                                        std::vector<Channel> channels) override {
    ARROW_ASSIGN_OR_RAISE(
        Registration done,
        catalogue_->Register(publisher_id, replay_id, std::move(channels), Preparing()));
    EndStreamsOf(done);
    announcer_->Changed(done);
    return std::move(done.channels);
  }

 private:
  // Streams go by what their channels were when they began.
  void EndStreamsOf(const Registration& done) {
    std::vector<std::string> names;
    for (const auto* channels : {&done.changed, &done.removed}) {
      for (const Channel& channel : *channels) names.push_back(channel.name);
    }
    if (!names.empty()) relay_->EndStreams(names, "it was registered anew");
  }

  carryall::catalogue::PreparePartitions Preparing() {
    return
        [this](const PublisherConfig& publisher, const std::vector<std::string>& fresh) {
          return topics_->Create(publisher, fresh);
        };
  }

  const KafkaOptions options_;
  const std::unique_ptr<Catalogue> catalogue_;
  const std::unique_ptr<Topics> topics_;
  const std::unique_ptr<relay::Relay> relay_;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<Follower> follower_;
};

// The directory of a file that may be made.
Status MakeDirectoryOf(const std::string& file) {
  const std::filesystem::path directory = std::filesystem::path(file).parent_path();
  if (directory.empty()) return Status::OK();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return Status::OK();
  return Error(ErrorKind::kIo, "cannot make the directory of the catalogue: {}: {}",
               error.message(), directory.string());
}

}  // namespace

Result<std::shared_ptr<Backend>> MakeKafkaBackend(KafkaOptions options) {
  ARROW_ASSIGN_OR_RAISE(options.brokers, carryall::kafka::PlainBrokers(options.brokers));
  // What is wrong on this machine is said before anybody else is asked.
  ARROW_RETURN_NOT_OK(
      carryall::catalogue::ReadPublisherFiles(options.publisher_configs).status());
  for (const std::string& id : options.sync_publishers) {
    if (carryall::catalogue::IsTopicText(id, carryall::catalogue::kMaxPublisherIdBytes))
      continue;
    return Error(ErrorKind::kInvalidArgument,
                 "publisher to be taken over has no valid id: '{}'", id.substr(0, 256));
  }
  ARROW_RETURN_NOT_OK(MakeDirectoryOf(options.catalogue));
  ARROW_ASSIGN_OR_RAISE(auto catalogue, Catalogue::Open(options.catalogue));
  ARROW_ASSIGN_OR_RAISE(
      auto topics, Topics::Make({options.brokers, options.retention, options.replication,
                                 options.broker_timeout}));
  relay::RelayOptions relaying;
  relaying.clusters.push_back({.brokers = options.brokers});
  relaying.on_stall = options.on_stall;
  ARROW_ASSIGN_OR_RAISE(auto relay, relay::Relay::Make(std::move(relaying)));
  auto backend = std::make_shared<KafkaBackend>(std::move(options), std::move(catalogue),
                                                std::move(topics), std::move(relay));
  ARROW_RETURN_NOT_OK(backend->Start());
  return backend;
}

}  // namespace carryall::backend::kafka
