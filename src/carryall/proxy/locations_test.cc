#include "carryall/proxy/locations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carryall::proxy {
namespace {

namespace af = arrow::flight;
using testing::ElementsAre;

const LocationMap kMap = {{"far:31206", "localhost:5"}, {"[fe80::1]:7", "localhost:6"}};

TEST(MapLocation, ReplacesTheHostAndPortOnly) {
  EXPECT_EQ(MapLocation("grpc://far:31206", kMap), "grpc://localhost:5");
  EXPECT_EQ(MapLocation("grpc+tls://far:31206/a?b=far:31206", kMap),
            "grpc+tls://localhost:5/a?b=far:31206");
  EXPECT_EQ(MapLocation("grpc://[fe80::1]:7", kMap), "grpc://localhost:6");
}

TEST(MapLocation, LeavesWhatItDoesNotKnow) {
  for (const char* location :
       {"grpc://far:31207", "grpc://far", "grpc://very.far:31206", "far:31206",
        "arrow-flight-reuse-connection://?", "kafka://broker:9092", ""}) {
    EXPECT_EQ(MapLocation(location, kMap), location);
  }
}

af::FlightEndpoint EndpointAt(std::vector<std::string> locations) {
  af::FlightEndpoint endpoint;
  for (const std::string& location : locations) {
    endpoint.locations.push_back(af::Location::Parse(location).ValueOrDie());
  }
  return endpoint;
}

std::vector<std::string> LocationsOf(const af::FlightEndpoint& endpoint) {
  std::vector<std::string> out;
  for (const auto& location : endpoint.locations) out.push_back(location.ToString());
  return out;
}

TEST(MapPlan, KeepsEverythingElse) {
  af::FlightInfo::Data data;
  data.schema = "schema";
  data.descriptor = af::FlightDescriptor::Path({"a", "b"});
  data.total_records = 3;
  data.total_bytes = 4;
  data.ordered = true;
  data.app_metadata = "plan";
  data.endpoints = {EndpointAt({"grpc://far:31206", "grpc://near:1"}), EndpointAt({})};
  data.endpoints[0].ticket.ticket = "ticket";
  data.endpoints[0].app_metadata = "endpoint";
  data.endpoints[0].expiration_time = af::Timestamp(std::chrono::seconds(9));
  const af::FlightInfo mapped = *MapPlan(af::FlightInfo(data), kMap);
  EXPECT_EQ(mapped.serialized_schema(), "schema");
  EXPECT_EQ(mapped.descriptor(), data.descriptor);
  EXPECT_EQ(mapped.total_records(), 3);
  EXPECT_EQ(mapped.total_bytes(), 4);
  EXPECT_TRUE(mapped.ordered());
  EXPECT_EQ(mapped.app_metadata(), "plan");
  ASSERT_EQ(mapped.endpoints().size(), 2u);
  data.endpoints[0].locations[0] = af::Location::Parse("grpc://localhost:5").ValueOrDie();
  EXPECT_EQ(mapped.endpoints()[0], data.endpoints[0]);
  EXPECT_EQ(mapped.endpoints()[1], data.endpoints[1]);
}

TEST(MapPlan, LeavesOutBrokersThatNobodyReaches) {
  af::FlightInfo::Data data;
  data.endpoints = {EndpointAt({"kafka://broker:9092", "grpc://far:31206"}),
                    EndpointAt({"kafka://broker:9092"}),
                    EndpointAt({"kafka://far:31206", "grpc://near:1"})};
  const af::FlightInfo mapped = *MapPlan(af::FlightInfo(data), kMap);
  EXPECT_THAT(LocationsOf(mapped.endpoints()[0]), ElementsAre("grpc://localhost:5"));
  // Who reads it is told by his own client that it cannot.
  EXPECT_THAT(LocationsOf(mapped.endpoints()[1]), ElementsAre("kafka://broker:9092"));
  EXPECT_THAT(LocationsOf(mapped.endpoints()[2]),
              ElementsAre("kafka://localhost:5", "grpc://near:1"));
}

}  // namespace
}  // namespace carryall::proxy
