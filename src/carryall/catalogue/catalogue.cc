#include "carryall/catalogue/catalogue.h"

#include "carryall/base/clock.h"

namespace carryall::catalogue {

Result<std::unique_ptr<Catalogue>> Catalogue::Open(const std::string& path,
                                                   CatalogueOptions options) {
  ARROW_ASSIGN_OR_RAISE(auto store, Store::Open(path, options.hook));
  std::unique_ptr<Catalogue> out(new Catalogue(std::move(store), std::move(options)));
  ARROW_RETURN_NOT_OK(out->Load(path));
  return out;
}

Status Catalogue::Load(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(StoreContents contents, store_->Load());
  partitions_ = std::move(contents.partitions);
  publishers_ = std::make_shared<const Publishers>(std::move(contents.publishers));
  const Status made = Snapshot::Make(std::move(contents.channels)).Value(&snapshot_);
  if (!made.ok()) {
    return Error(ErrorKind::kCorrupt, "catalogue is damaged: {}: {}", made.message(),
                 path);
  }
  for (const auto& [domain, subsystems] : snapshot_->scopes()) domains_.insert(domain);
  return Status::OK();
}

std::shared_ptr<const Snapshot> Catalogue::snapshot() const {
  const std::lock_guard lock(read_mutex_);
  return snapshot_;
}

std::shared_ptr<const Publishers> Catalogue::publishers() const {
  const std::lock_guard lock(read_mutex_);
  return publishers_;
}

bool Catalogue::IsConfigured(std::string_view publisher_id) const {
  const std::lock_guard lock(read_mutex_);
  return configured_.contains(publisher_id);
}

void Catalogue::EndTurn::operator()(const Catalogue* catalogue) const {
  {
    const std::lock_guard lock(catalogue->turn_mutex_);
    catalogue->taken_ = false;
  }
  catalogue->turn_ended_.notify_one();
}

Result<Catalogue::Turn> Catalogue::TakeTurn() const {
  std::unique_lock lock(turn_mutex_);
  if (turn_ended_.wait_until(lock, SteadyNow() + options_.turn_timeout,
                             [this] { return !taken_; })) {
    taken_ = true;
    return Turn(this);
  }
  return Error(ErrorKind::kTimeout,
               "catalogue is busy: registrations before this one took more than {} s",
               std::chrono::duration<double>(options_.turn_timeout).count());
}

Result<std::vector<Partition>> Catalogue::Partitions() const {
  ARROW_ASSIGN_OR_RAISE(const Turn turn, TakeTurn());
  std::vector<Partition> out;
  for (const auto& [id, partition] : partitions_) {
    if (partition.channels > 0) out.push_back(partition);
  }
  return out;
}

// Only registrations replace what this points to, and they have the turn.
CatalogueState Catalogue::State() const {
  return {snapshot_.get(), publishers_.get(), &partitions_, &domains_, options_.limits};
}

Result<Registration> Catalogue::Configure(const std::vector<PublisherFile>& files,
                                          const PreparePartitions& prepare) {
  ARROW_ASSIGN_OR_RAISE(const Turn turn, TakeTurn());
  for (const PublisherFile& file : files) {
    ARROW_RETURN_NOT_OK(
        WithContext(CheckPublisher(file.publisher),
                    fmt::format("{}:{}", file.file, file.publisher.line)));
  }
  ARROW_ASSIGN_OR_RAISE(Plan plan, PlanConfiguration(State(), files));
  ARROW_ASSIGN_OR_RAISE(Registration done, Apply(std::move(plan), prepare));
  const std::lock_guard read(read_mutex_);
  configured_.clear();
  for (const PublisherFile& file : files) configured_.insert(file.publisher.publisher_id);
  return done;
}

Result<Registration> Catalogue::Register(std::string_view publisher_id,
                                         const std::optional<std::string>& replay_id,
                                         std::vector<Channel> channels,
                                         const PreparePartitions& prepare) {
  ARROW_ASSIGN_OR_RAISE(const Turn turn, TakeTurn());
  const auto refuse = [&](std::string_view why) {
    return Error(ErrorKind::kPermissionDenied,
                 "publisher cannot register channels: {}: '{}'", why,
                 publisher_id.substr(0, 256));
  };
  const auto publisher = publishers_->find(publisher_id);
  if (publisher == publishers_->end() || !IsConfigured(publisher_id)) {
    return refuse("it is not configured here");
  }
  if (!publisher->second.dynamic) return refuse("it is not configured as dynamic");
  if (publisher->second.replay_id != replay_id) {
    return refuse(fmt::format("its replay is '{}', not '{}'",
                              publisher->second.replay_id.value_or(""),
                              replay_id.value_or("").substr(0, 256)));
  }
  ARROW_ASSIGN_OR_RAISE(
      Plan plan, PlanRegistration(State(), publisher->second, std::move(channels)));
  return Apply(std::move(plan), prepare);
}

Result<Registration> Catalogue::Adopt(const PublisherConfig& publisher,
                                      std::vector<Channel> channels,
                                      const std::vector<std::string>& removed) {
  ARROW_ASSIGN_OR_RAISE(const Turn turn, TakeTurn());
  if (IsConfigured(publisher.publisher_id)) {
    return Error(ErrorKind::kPermissionDenied,
                 "publisher is configured here, not taken from another server: '{}'",
                 publisher.publisher_id);
  }
  ARROW_ASSIGN_OR_RAISE(Plan plan,
                        PlanAdoption(State(), publisher, std::move(channels), removed));
  return Apply(std::move(plan), {});
}

Result<Registration> Catalogue::Remove(std::string_view publisher_id) {
  ARROW_ASSIGN_OR_RAISE(const Turn turn, TakeTurn());
  const auto publisher = publishers_->find(publisher_id);
  if (publisher == publishers_->end()) {
    return Error(ErrorKind::kNotFound, "no such publisher: '{}'", publisher_id);
  }
  if (IsConfigured(publisher_id)) {
    return Error(ErrorKind::kPermissionDenied, "publisher is configured here: '{}'",
                 publisher_id);
  }
  return Apply(PlanRemoval(State(), publisher->second), {});
}

Result<Registration> Catalogue::Apply(Plan plan, const PreparePartitions& prepare) {
  if (plan.empty()) return std::move(plan.registration);
  auto publishers = std::make_shared<Publishers>(*publishers_);
  for (const PublisherConfig& publisher : plan.change.publishers) {
    publishers->insert_or_assign(publisher.publisher_id, publisher);
  }
  for (const std::string& id : plan.change.removed_publishers) publishers->erase(id);
  std::vector<ChannelKey> gone;
  for (const auto* list : {&plan.change.removed, &plan.rekeyed}) {
    for (const Channel& channel : *list) gone.push_back(ChannelKey::Of(channel));
  }
  // Whatever can be refused is, before the store has it.
  ARROW_ASSIGN_OR_RAISE(auto next, snapshot_->With(plan.change.channels, gone));
  if (prepare) {
    for (const auto& [id, fresh] : plan.registration.fresh) {
      ARROW_RETURN_NOT_OK(prepare(publishers->at(id), fresh));
    }
  }
  ARROW_RETURN_NOT_OK(store_->Commit(plan.change));
  for (const Channel& channel : plan.change.channels) {
    domains_.insert(std::string(ParseChannelName(channel.name)->domain));
  }
  for (auto& [id, partition] : plan.change.partitions) {
    partitions_.insert_or_assign(id, std::move(partition));
  }
  const std::lock_guard lock(read_mutex_);
  snapshot_ = std::move(next);
  publishers_ = std::move(publishers);
  return std::move(plan.registration);
}

}  // namespace carryall::catalogue
