#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "carryall/catalogue/plan.h"
#include "carryall/catalogue/snapshot.h"
#include "carryall/catalogue/store.h"

namespace carryall::catalogue {

/// Makes what new partitions need, e.g. their topics, before anything of the registration
/// counts: an error refuses it, and nothing has changed. What it made may be there
/// already when the same registration is tried again: the ids are the same. Called with
/// the lock of registrations held: it must come back within its own deadline.
using PreparePartitions =
    std::function<Status(const PublisherConfig&, const std::vector<std::string>& fresh)>;

struct CatalogueOptions {
  PartitionLimits limits;
  /// How long a registration waits for those before it.
  std::chrono::nanoseconds turn_timeout = std::chrono::seconds(60);
  StepHook hook;  ///< for tests
};

/// The publishers and channels of a site: what was registered is on the disk before it is
/// acknowledged, and in a snapshot for queries right after. Thread safe: registrations
/// take turns (kTimeout if that takes too long), queries wait for nobody.
class Catalogue {
 public:
  /// Opens or makes the file and reads it. kUnavailable if another process has it;
  /// kCorrupt, kUnsupported or kInvalidArgument naming a file that is damaged, of a later
  /// version or another program's.
  static Result<std::unique_ptr<Catalogue>> Open(const std::string& path,
                                                 CatalogueOptions options = {});

  /// Takes over configuration files, all or none (PlanConfiguration). From now on these
  /// publishers, and no others, are the ones configured here.
  Result<Registration> Configure(const std::vector<PublisherFile>& files,
                                 const PreparePartitions& prepare = {});

  /// Registers channels of a dynamic publisher (PlanRegistration; protocol 3.2, 7.7).
  /// kPermissionDenied if it is not configured here or not dynamic, or if `replay_id` is
  /// not its own.
  Result<Registration> Register(std::string_view publisher_id,
                                const std::optional<std::string>& replay_id,
                                std::vector<Channel> channels,
                                const PreparePartitions& prepare = {});

  /// Takes over what another server registered (PlanAdoption). kPermissionDenied if the
  /// publisher is configured here.
  Result<Registration> Adopt(const PublisherConfig& publisher,
                             std::vector<Channel> channels,
                             const std::vector<std::string>& removed);

  /// Removes a publisher that is not configured here, with its channels. kNotFound;
  /// kPermissionDenied if it is configured here.
  Result<Registration> Remove(std::string_view publisher_id);

  std::shared_ptr<const Snapshot> snapshot() const;
  /// All publishers, configured here or not.
  std::shared_ptr<const Publishers> publishers() const;
  bool IsConfigured(std::string_view publisher_id) const;
  /// All partitions with channels in them; their topics are to be there. Takes its turn
  /// like a registration.
  Result<std::vector<Partition>> Partitions() const;

 private:
  Catalogue(std::unique_ptr<Store> store, CatalogueOptions options)
      : options_(std::move(options)), store_(std::move(store)) {}
  Status Load(const std::string& path);
  CatalogueState State() const;
  // A registration under way; the next one begins when it is gone.
  struct EndTurn {
    void operator()(const Catalogue* catalogue) const;
  };
  using Turn = std::unique_ptr<const Catalogue, EndTurn>;
  Result<Turn> TakeTurn() const;
  // Makes a plan come true. The turn is taken.
  Result<Registration> Apply(Plan plan, const PreparePartitions& prepare);

  const CatalogueOptions options_;
  mutable std::mutex turn_mutex_;
  mutable std::condition_variable turn_ended_;
  mutable bool taken_ = false;  // whether somebody has the turn
  // For whoever has the turn.
  const std::unique_ptr<Store> store_;
  catalogue::Partitions partitions_;
  std::set<std::string> domains_;
  // Guards the pointers and the set; never held for long, and taken last.
  mutable std::mutex read_mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const Publishers> publishers_;
  std::set<std::string, std::less<>> configured_;
};

}  // namespace carryall::catalogue
