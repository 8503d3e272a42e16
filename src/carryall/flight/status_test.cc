#include "carryall/flight/status.h"

#include <arrow/flight/types.h>
#include <gtest/gtest.h>

namespace carryall::flight {
namespace {

using arrow::flight::FlightStatusCode;
using arrow::flight::FlightStatusDetail;
using arrow::flight::MakeFlightError;

FlightStatusCode CodeOf(ErrorKind kind) {
  const auto detail =
      FlightStatusDetail::UnwrapStatus(ToFlightStatus(Error(kind, "text")));
  EXPECT_NE(detail, nullptr) << ErrorKindName(kind);
  return detail ? detail->code() : FlightStatusCode::Internal;
}

TEST(StatusTest, CodesThatPeersRelyOn) {
  EXPECT_EQ(CodeOf(ErrorKind::kUnavailable), FlightStatusCode::Unavailable);
  EXPECT_EQ(CodeOf(ErrorKind::kUnauthenticated), FlightStatusCode::Unauthenticated);
  EXPECT_EQ(CodeOf(ErrorKind::kPermissionDenied), FlightStatusCode::Unauthorized);
  EXPECT_EQ(CodeOf(ErrorKind::kInvalidRequest), FlightStatusCode::Internal);
  EXPECT_EQ(CodeOf(ErrorKind::kUnknownArgument), FlightStatusCode::Failed);
  EXPECT_EQ(CodeOf(ErrorKind::kNoEndpoint), FlightStatusCode::Failed);
}

TEST(StatusTest, EveryKindComesBackFromItsFlightStatus) {
  for (int i = 0; i <= static_cast<int>(ErrorKind::kInternal); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    const Status back =
        FromFlightStatus(ToFlightStatus(Error(kind, "the text")), "grpc://a:1");
    EXPECT_EQ(KindOf(back), kind) << ErrorKindName(kind);
    EXPECT_EQ(back.message(), "grpc://a:1: the text");
  }
}

TEST(StatusTest, ForeignStatusesGetTheKindOfTheirCode) {
  const auto kind = [](FlightStatusCode code) {
    return KindOf(FromFlightStatus(MakeFlightError(code, "m"), "e"));
  };
  EXPECT_EQ(kind(FlightStatusCode::Unavailable), ErrorKind::kUnavailable);
  EXPECT_EQ(kind(FlightStatusCode::TimedOut), ErrorKind::kTimeout);
  EXPECT_EQ(kind(FlightStatusCode::Unauthorized), ErrorKind::kPermissionDenied);
  EXPECT_EQ(kind(FlightStatusCode::Internal), ErrorKind::kInternal);
  EXPECT_EQ(KindOf(FromFlightStatus(Status::Invalid("x"), "e")),
            ErrorKind::kInvalidArgument);
}

TEST(StatusTest, TextFromDetailOnIsTakenOff) {
  const Status back = FromFlightStatus(
      MakeFlightError(FlightStatusCode::Unavailable, "no {A} [request: 1] Detail: Unav"),
      "grpc://a:1");
  EXPECT_EQ(back.message(), "grpc://a:1: no {A} [request: 1]");
}

TEST(StatusTest, WordsOfTheTransportAreTakenOff) {
  const auto text = [](std::string message) {
    return FromFlightStatus(MakeFlightError(FlightStatusCode::Unavailable, message), "e")
        .message();
  };
  EXPECT_EQ(text("Flight returned unavailable error, with message: refused"),
            "e: refused");
  EXPECT_EQ(text("gone. gRPC client debug context: UNKNOWN:x"), "e: gone");
  EXPECT_EQ(text("no endpoint. Detail: Failed"), "e: no endpoint");
  EXPECT_EQ(text("Flight error: unknown argument"), "e: unknown argument");
}

TEST(StatusTest, StatusesOfAsynchronousCalls) {
  const auto received = [](arrow::flight::TransportStatusCode code, std::string extra) {
    return KindOf(FromFlightStatus(
        Status(arrow::StatusCode::UnknownError, "Flight RPC failed with message: m",
               std::make_shared<arrow::flight::TransportStatusDetail>(
                   code, "m. Detail: Failed",
                   std::vector<std::pair<std::string, std::string>>{
                       {"x-arrow-status", "5"}, {"grpc-status-details-bin", extra}})),
        "e"));
  };
  using Code = arrow::flight::TransportStatusCode;
  EXPECT_EQ(received(Code::kUnavailable, ""), ErrorKind::kUnavailable);
  EXPECT_EQ(received(Code::kInvalidArgument, ""), ErrorKind::kInvalidArgument);
  EXPECT_EQ(received(Code::kUnknown, ""), ErrorKind::kNoEndpoint);
  EXPECT_EQ(received(Code::kUnknown, "carryall-kind: invalid replay"),
            ErrorKind::kInvalidReplay);
  EXPECT_EQ(received(Code::kInternal, "carryall-kind: nonsense"), ErrorKind::kInternal);
}

TEST(StatusTest, TheBaseErrorOfStockServersIsARefusal) {
  EXPECT_EQ(KindOf(FromFlightStatus(Status::UnknownError("Flight error: no"), "e")),
            ErrorKind::kNoEndpoint);
}

TEST(StatusTest, AFlightStatusPassesUnchanged) {
  const Status status = MakeFlightError(FlightStatusCode::TimedOut, "m");
  EXPECT_EQ(ToFlightStatus(status).ToString(), status.ToString());
  EXPECT_TRUE(ToFlightStatus(Status::OK()).ok());
  EXPECT_TRUE(FromFlightStatus(Status::OK(), "e").ok());
}

}  // namespace
}  // namespace carryall::flight
