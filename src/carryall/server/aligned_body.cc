#include "carryall/server/aligned_body.h"

#include <arrow/buffer.h>

#include <cstring>

namespace carryall::server {
namespace {

int64_t VarintBytes(int64_t value) {
  int64_t bytes = 1;
  for (; value >= 128; value >>= 7) ++bytes;
  return bytes;
}

/// A field of bytes: its tag, its length, itself.
int64_t FieldBytes(int64_t tag, int64_t bytes) {
  return tag + VarintBytes(bytes) + bytes;
}

}  // namespace

Status AlignBody(arrow::flight::FlightPayload* payload) {
  arrow::ipc::IpcPayload& message = payload->ipc_message;
  const int64_t size = message.metadata->size();
  const int64_t rest =
      (payload->app_metadata == nullptr ? 0
                                        : FieldBytes(1, payload->app_metadata->size())) +
      2 + VarintBytes(message.body_length);
  int64_t padding = 0;
  while ((FieldBytes(1, size + padding) + rest) % 8 != 0) ++padding;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> padded,
                        arrow::AllocateBuffer(size + padding));
  std::memcpy(padded->mutable_data(), message.metadata->data(), size);
  std::memset(padded->mutable_data() + size, 0, padding);
  message.metadata = std::move(padded);
  return Status::OK();
}

}  // namespace carryall::server
