#pragma once

#include <arrow/buffer.h>

#include <memory>

namespace carryall::codec {

/// One IPC message as a transport hands it over: the flatbuffer metadata (without its
/// length prefix) and the body. Both stay alive as long as a block decoded from them.
struct IpcMessage {
  std::shared_ptr<arrow::Buffer> metadata;
  std::shared_ptr<arrow::Buffer> body;
  /// Other channels of its span are still to come (docs/wire.md, "Channel after
  /// channel").
  bool more = false;
};

/// Caps applied before anything is allocated for a message.
struct DecodeLimits {
  int64_t max_body_bytes = int64_t{1} << 30;          ///< as received
  int64_t max_decompressed_bytes = int64_t{1} << 30;  ///< of compressed bodies
  int64_t max_rows = 1 << 20;
  int64_t max_samples = int64_t{1} << 31;  ///< a message
  int64_t max_views = int64_t{1} << 23;    ///< of all blocks of a message
};

}  // namespace carryall::codec
