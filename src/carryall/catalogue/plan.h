#pragma once

#include <set>
#include <string>
#include <vector>

#include "carryall/catalogue/snapshot.h"
#include "carryall/catalogue/store.h"

namespace carryall::catalogue {

/// What a registration came to.
struct Registration {
  /// The channels that were asked for, in their order, as they are now.
  std::vector<Channel> channels;
  /// Those of all channels that are new or not as they were, as they are now.
  std::vector<Channel> changed;
  /// Those that are gone, as they were.
  std::vector<Channel> removed;
  /// Partitions that were made for it, by publisher.
  std::map<std::string, std::vector<std::string>> fresh;
};

/// A catalogue as a plan finds it. Everything outlives the plan.
struct CatalogueState {
  const Snapshot* snapshot = nullptr;
  const Publishers* publishers = nullptr;
  const Partitions* partitions = nullptr;
  const std::set<std::string>* domains = nullptr;  ///< of all channels; more do no harm
  PartitionLimits limits;
};

/// A step from one state of a catalogue to the next: what it means for the store and for
/// the snapshot, and what it answers. Nothing has happened yet.
struct Plan {
  StoreChange change;
  /// Channels whose keys leave the snapshot, beside those of `change.removed`.
  std::vector<Channel> rekeyed;
  Registration registration;

  bool empty() const {
    return change.publishers.empty() && change.partitions.empty() &&
           change.channels.empty() && change.removed.empty() &&
           change.removed_publishers.empty();
  }
};

/// Channels that a dynamic publisher registers: name, data type and rate count (and the
/// partition, if they bring one), the rest comes from the publisher. kInvalidArgument
/// naming the channel for a bad name, a rate that does not fit the stride, a name twice
/// with differing types or rates; kPermissionDenied for another publisher's channel.
Result<Plan> PlanRegistration(const CatalogueState& state,
                              const PublisherConfig& publisher,
                              std::vector<Channel> channels);

/// What configuration files say. Channels that a file of a publisher that is not dynamic
/// lacks are removed; those of a dynamic one are kept and follow its timing. Publishers
/// without a file stay as they are. kInvalidArgument beginning with "FILE:LINE: ".
Result<Plan> PlanConfiguration(const CatalogueState& state,
                               const std::vector<PublisherFile>& files);

/// What another server registered, taken as it is: `channels` with partition and index,
/// and names that are gone. kInvalidArgument naming a channel that cannot be taken.
Result<Plan> PlanAdoption(const CatalogueState& state, const PublisherConfig& publisher,
                          std::vector<Channel> channels,
                          const std::vector<std::string>& removed);

/// A publisher and all its channels leave. Its partitions are remembered.
Plan PlanRemoval(const CatalogueState& state, const PublisherConfig& publisher);

}  // namespace carryall::catalogue
