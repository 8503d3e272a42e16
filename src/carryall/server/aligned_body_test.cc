#include "carryall/server/aligned_body.h"

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace carryall::server {
namespace {

using arrow::flight::FlightPayload;

std::string Serialized(const FlightPayload& payload) {
  std::string bytes;
  for (const auto& buffer : *payload.SerializeToBuffers()) bytes += buffer->ToString();
  return bytes;
}

// Arrow's own serialization says where a body lies.
TEST(AlignBody, BodiesLieAtMultiplesOf8WhateverComesBeforeThem) {
  std::mt19937_64 random(1);
  for (const bool more : {false, true}) {
    for (int round = 0; round < 300; ++round) {
      const size_t metadata = 1 + random() % (round % 3 == 0 ? 40'000 : 300);
      const size_t body = 8 * (1 + random() % (round % 2 == 0 ? 30 : 40'000));
      FlightPayload payload;
      payload.ipc_message.type = arrow::ipc::MessageType::RECORD_BATCH;
      payload.ipc_message.metadata =
          arrow::Buffer::FromString(std::string(metadata, 'm'));
      payload.ipc_message.body_buffers = {
          arrow::Buffer::FromString(std::string(body, 'b'))};
      payload.ipc_message.body_length = static_cast<int64_t>(body);
      if (more) payload.app_metadata = arrow::Buffer::FromString("more");
      ASSERT_TRUE(AlignBody(&payload).ok());
      const std::string bytes = Serialized(payload);
      ASSERT_EQ((bytes.size() - body) % 8, 0u) << metadata << " " << body;
      ASSERT_EQ(bytes.substr(bytes.size() - body), std::string(body, 'b'));
      const std::string header = payload.ipc_message.metadata->ToString();
      ASSERT_LT(header.size(), metadata + 8);
      ASSERT_EQ(header.substr(0, metadata), std::string(metadata, 'm'));
    }
  }
}

}  // namespace
}  // namespace carryall::server
