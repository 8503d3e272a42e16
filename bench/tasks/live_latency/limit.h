#pragma once

#include <string>
#include <vector>

#include "carryall/base/time.h"

/// librdkafka with nothing around it but its defaults.
namespace carryall::bench {

inline constexpr Duration kStride = Duration::FromNs(62'500'000);

struct BareTopic {
  std::string name;
  size_t bytes;
};
/// Sends a message of its size to each topic when a stride is over, from the one at
/// `from` on; it begins with the time.
Status ProduceBare(const std::string& brokers, GpsTime from, int64_t strides,
                   const std::vector<BareTopic>& topics);
/// Prints a line (PrintBlock) for each stride when the last of its messages has come.
Status ConsumeBare(const std::string& brokers, const std::vector<std::string>& topics);

/// "TIME NOW 1": the time of a block that is there, whole or not.
void PrintBlock(GpsTime time, GpsTime now, bool whole);
/// "answer WHAT", before any line of whole blocks that counts.
void PrintAnswer(const std::string& what);

}  // namespace carryall::bench
