#include "carryall/metadata/channel_match.h"

#include <time.h>

#include <limits>

namespace carryall::metadata {
namespace {

uint16_t TypeBit(DataType type) {
  return static_cast<uint16_t>(1u << static_cast<unsigned>(type));
}

}  // namespace

uint32_t Interner::Add(const std::optional<std::string>& text) {
  if (!text) return kNone;
  if (last_ == nullptr || last_->first != *text) {
    last_ = &*ids_.emplace(*text, static_cast<uint32_t>(ids_.size() + 1)).first;
  }
  return last_->second;
}

std::optional<uint32_t> Interner::Find(const std::optional<std::string>& text) const {
  if (!text) return kNone;
  const auto it = ids_.find(*text);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

ChannelRow ChannelRow::Of(const Channel& channel, Interner* publishers,
                          Interner* replays) {
  return {channel.sample_rate.hz(), publishers->Add(channel.publisher),
          replays->Add(channel.replay_id), TypeBit(channel.data_type)};
}

RowFilter::RowFilter(const ChannelQuery& query, const Interner& publishers,
                     const Interner& replays)
    : min_rate_(query.min_rate), max_rate_(query.max_rate) {
  for (DataType type : query.data_types) types_ |= TypeBit(type);
  if (query.data_types.empty()) types_ = 0xffff;
  const std::optional<uint32_t> replay = replays.Find(query.replay_id);
  possible_ = replay.has_value();
  replay_ = replay.value_or(Interner::kNone);
  passes_all_ = possible_ && min_rate_ <= 1 &&
                max_rate_ >= std::numeric_limits<int32_t>::max() &&
                replay_ == Interner::kNone && replays.size() == 1 && types_ == 0xffff &&
                query.publishers.empty();
  if (query.publishers.empty()) return;
  publishers_.resize(publishers.size());
  for (const std::string& name : query.publishers) {
    if (const auto id = publishers.Find(name)) publishers_[*id] = true;
  }
}

std::chrono::nanoseconds ChannelMatcher::ProcessorTime() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

Status ChannelMatcher::TooExpensive() const {
  return Error(ErrorKind::kResourceExhausted,
               "pattern is too expensive: gave up after {} names: '{}'", asked_,
               pattern_.text());
}

}  // namespace carryall::metadata
