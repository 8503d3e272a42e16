#include "carryall/publish/publisher.h"

#include <algorithm>
#include <unordered_map>

#include "carryall/base/log.h"

namespace carryall::publish {
namespace {

constexpr Duration kOpenTimeout = Duration::FromSeconds(30);
constexpr std::string_view kBrokers = "bootstrap.servers";

bool SameChannels(const ChannelSet& a, const ChannelSet& b) {
  return a.channels() == b.channels();
}

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::Make(PublisherOptions options) {
  if (options.id.empty()) {
    return Error(ErrorKind::kInvalidArgument, "a publisher needs an ID");
  }
  for (const auto& [name, value] :
       {std::pair{"delivery timeout", options.delivery_timeout},
        std::pair{"transaction timeout", options.transaction_timeout}}) {
    if (value < Duration::FromMs(1)) {
      return Error(ErrorKind::kInvalidArgument, "{} must be at least 1 ms, not {}", name,
                   ToString(value));
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto client, client::Client::Make(options.server));
  return std::unique_ptr<Publisher>(new Publisher(std::move(options), std::move(client)));
}

Publisher::~Publisher() {
  const Status status = Close(Duration::FromSeconds(1));
  if (!status.ok()) Log(LogLevel::kWarning, "{}", status.message());
}

std::string Publisher::Name() const {
  return options_.replay_id
             ? fmt::format("publisher {} (replay {})", options_.id, *options_.replay_id)
             : "publisher " + options_.id;
}

std::string Publisher::TransactionalId() const {
  return "arrakis-" + options_.id + (options_.replay_id ? "-" + *options_.replay_id : "");
}

Result<std::vector<Channel>> Publisher::Find(const client::CallContext& context) {
  wire::FindArgs args;
  args.publishers = {options_.id};
  args.replay_id = options_.replay_id;
  std::vector<Channel> found;
  const auto visit = [&](const Channel& channel) {
    found.push_back(channel);
    return true;
  };
  ARROW_RETURN_NOT_OK(client_->Find(args, visit, context));
  LeaveOutOthers(&found);
  return found;
}

Status Publisher::Register(const client::CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(auto found, Find(context));
  return Adopt(std::move(found));
}

void Publisher::LeaveOutOthers(std::vector<Channel>* found) const {
  // Under a replay id servers list the channels without one too.
  std::erase_if(*found, [&](const Channel& channel) {
    return channel.replay_id.value_or("") != options_.replay_id.value_or("");
  });
}

Status Publisher::Adopt(std::vector<Channel> found) {
  LeaveOutOthers(&found);
  ARROW_ASSIGN_OR_RAISE(
      auto registration,
      Registration::Make(options_.id, options_.replay_id, std::move(found)));
  if (!sent_.empty() || committing_) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}: blocks are under way; flush before registering again", Name());
  }
  outlets_.clear();
  for (size_t i = 0; i < registration->partitions().size(); ++i) {
    outlets_.push_back(std::make_unique<Outlet>(registration, i));
  }
  registration_ = std::move(registration);
  planned_.reset();
  half_.reset();
  Log(LogLevel::kInfo, "{}: {} channels in {} partitions, stride {}", Name(),
      registration_->channels()->size(), outlets_.size(),
      ToString(registration_->stride()));
  return Status::OK();
}

Status Publisher::Register(const std::vector<Channel>& channels,
                           const client::CallContext& context) {
  ARROW_RETURN_NOT_OK(ChannelSet::Make(channels));
  ARROW_ASSIGN_OR_RAISE(const auto found, Find(context));
  std::unordered_map<std::string_view, const Channel*> known;
  for (const Channel& channel : found) known.emplace(channel.name, &channel);
  std::vector<Channel> wanted;
  for (const Channel& channel : channels) {
    const auto place = known.find(channel.name);
    if (place == known.end() || !CheckAgrees(*place->second, channel).ok()) {
      wanted.push_back(channel);
    }
  }
  if (!wanted.empty()) {
    const auto assigned =
        client_->Partition({options_.id, options_.replay_id}, wanted, context);
    if (!assigned.ok()) {
      return WithContext(
          assigned.status(),
          fmt::format("{}: registering {} channels ({}{})", Name(), wanted.size(),
                      wanted.front().name, wanted.size() > 1 ? ", ..." : ""));
    }
  }
  ARROW_RETURN_NOT_OK(Register(context));
  for (const Channel& channel : channels) {
    const auto at = registration_->channels()->Find(channel.name);
    if (!at) {
      return Error(ErrorKind::kInvalidArgument,
                   "{}: the server does not have channel {} after registering it", Name(),
                   channel.name);
    }
    ARROW_RETURN_NOT_OK(CheckAgrees((*registration_->channels())[*at], channel));
  }
  return Status::OK();
}

Status Publisher::Open(const client::CallContext& context) {
  if (producer_ != nullptr) return Status::OK();
  if (registration_ == nullptr) ARROW_RETURN_NOT_OK(Register(context));
  ARROW_ASSIGN_OR_RAISE(auto properties, client_->PublishProperties(
                                             {options_.id, options_.replay_id}, context));
  kafka::ProducerOptions how;
  const auto brokers = properties.extract(std::string(kBrokers));
  if (brokers.empty()) {
    return Error(ErrorKind::kUnavailable, "{}: {} names no brokers ({})", Name(),
                 client_->url(), kBrokers);
  }
  how.cluster.brokers = brokers.mapped();
  how.cluster.client_id = "carryall-" + options_.id;
  how.cluster.from_server.assign(properties.begin(), properties.end());
  how.cluster.properties = options_.kafka;
  how.delivery_timeout = options_.delivery_timeout;
  how.max_message_bytes = options_.max_message_bytes;
  how.max_queued_bytes = options_.max_queued_bytes;
  if (options_.transactional) {
    how.transactional_id = TransactionalId();
    how.transaction_timeout = options_.transaction_timeout;
  }
  auto producer = kafka::Producer::Make(how);
  if (!producer.ok()) return WithContext(producer.status(), Name());
  if (options_.transactional) {
    const Status status = (*producer)->InitTransactions(WaitFor(kOpenTimeout, context));
    if (!status.ok()) return WithContext(status, Name());
  }
  producer_ = std::move(producer).ValueUnsafe();
  Log(LogLevel::kInfo, "{}: publishes to {}", Name(), producer_->brokers());
  return Status::OK();
}

kafka::Wait Publisher::WaitFor(std::optional<Duration> timeout,
                               const client::CallContext& context) const {
  // The producer decides by its own deadline; what comes after is only the report.
  const Duration most = options_.delivery_timeout + Duration::FromSeconds(5);
  kafka::Wait wait = kafka::Wait::For(timeout.value_or(most), context.stop);
  wait.poll = context.poll;
  return wait;
}

Status Publisher::CheckOpen() const {
  if (producer_ != nullptr) return Status::OK();
  return Error(ErrorKind::kUnsupported, "{} is not open", Name());
}

Status Publisher::CheckTime(const SeriesBlock& block) const {
  const Duration stride = registration_->stride();
  if (block.duration() != stride) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}: the block at {} lasts {}, the registered stride is {}", Name(),
                 ToString(block.time()), ToString(block.duration()), ToString(stride));
  }
  if (!block.time().IsMultipleOf(stride)) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}: the block at {} does not begin at a multiple of the stride {}",
                 Name(), ToString(block.time()), ToString(stride));
  }
  if (newest_ && block.time() <= *newest_) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}: the block at {} is not later than the one before it at {}", Name(),
                 ToString(block.time()), ToString(*newest_));
  }
  return Status::OK();
}

Status Publisher::Plan(const SeriesBlock& block) {
  const auto& channels = block.channels();
  if (channels == nullptr || channels->size() == 0) {
    return Error(ErrorKind::kInvalidArgument, "{}: the block at {} has no channels",
                 Name(), ToString(block.time()));
  }
  if (planned_ == channels) return Status::OK();
  if (planned_ != nullptr && SameChannels(*planned_, *channels)) {
    planned_ = channels;
    return Status::OK();
  }
  const ChannelSet& on_record = *registration_->channels();
  std::vector<std::optional<size_t>> in_block(on_record.size());
  for (size_t i = 0; i < channels->size(); ++i) {
    const Channel& channel = (*channels)[i];
    const auto at = on_record.Find(channel.name);
    if (!at) {
      return Error(ErrorKind::kInvalidArgument, "{}: channel {} is not registered",
                   Name(), channel.name);
    }
    if (Status status = CheckAgrees(on_record[*at], channel); !status.ok()) {
      return WithContext(status, Name());
    }
    in_block[*at] = i;
  }
  std::vector<std::vector<std::pair<size_t, size_t>>> rows(outlets_.size());
  for (size_t p = 0; p < outlets_.size(); ++p) {
    for (const size_t registered : outlets_[p]->partition().channels) {
      if (in_block[registered]) {
        rows[p].emplace_back(registered, *in_block[registered]);
      } else if (!options_.partial) {
        return Error(ErrorKind::kInvalidArgument,
                     "{}: the block has {} of {} registered channels, {} is missing; say "
                     "'partial' to publish fewer",
                     Name(), channels->size(), on_record.size(),
                     on_record[registered].name);
      }
    }
  }
  planned_.reset();
  for (size_t p = 0; p < outlets_.size(); ++p) {
    if (Status status = outlets_[p]->SetRows(std::move(rows[p])); !status.ok()) {
      return WithContext(status, Name());
    }
  }
  planned_ = channels;
  return Status::OK();
}

}  // namespace carryall::publish
