#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "carryall/codec/decoder.h"

/// What the two decode tasks share: messages to decode, and the clock.
namespace bench {

/// One shape with one fraction of nulls: 16 messages whose samples and nulls differ, so
/// that no contender lives on a warm cache line.
struct DecodeCase {
  std::string name;  ///< "20x16384/nulls=0.01"
  int channels = 0;
  int samples = 0;  ///< a channel
  std::shared_ptr<const carryall::ChannelSet> set;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::vector<carryall::codec::IpcMessage>
      messages;  ///< of the batches, as Arrow writes them
};

enum class Layout { kRows, kColumns };

/// Decodes one message; the result must live until the next call.
using DecodeOne = std::function<arrow::Status(const carryall::codec::IpcMessage&)>;

/// Ours: until a block with views is there. Compares every sample with the batches first.
arrow::Result<DecodeOne> PrepareOurs(const DecodeCase& one);
/// The same, and then every view of the block is looked at (not its samples).
arrow::Result<DecodeOne> PrepareOursReading(const DecodeCase& one);
/// Arrow's own reader with the schema known: until a RecordBatch is there.
arrow::Result<DecodeOne> PrepareArrow(const DecodeCase& one);

/// Runs a task: `--case TEXT` picks cases, `--only CONTENDER` one contender, `--repeat N`
/// sets the number of repetitions (5). Prints a JSON line for each case and contender;
/// the value is the median over the repetitions of the time of one message.
int RunDecodeTask(Layout layout, int argc, char** argv);

}  // namespace bench
