#include "carryall/wire/error_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace carryall::wire {
namespace {

TEST(ErrorTableTest, EveryRowIsFoundByItsKindAndName) {
  for (const ErrorRow& row : ErrorTable()) {
    EXPECT_EQ(&RowOf(row.kind), &row);
    EXPECT_EQ(KindFromName(ErrorKindName(row.kind)), row.kind);
    EXPECT_EQ(&RowOf(Error(row.kind, "text")), &row);
    EXPECT_FALSE(row.meaning.empty());
    EXPECT_NE(row.exit, ExitStatus::kOk);
  }
  EXPECT_EQ(KindFromName("no such kind"), std::nullopt);
}

TEST(ErrorTableTest, PythonNamesAreDistinctErrorClasses) {
  std::set<std::string_view> names;
  for (const ErrorRow& row : ErrorTable()) {
    EXPECT_TRUE(names.insert(row.python).second) << row.python;
    EXPECT_TRUE(row.python.ends_with("Error")) << row.python;
  }
}

// What stock clients see and stock's conformance cases ask for (E5 F5 D7 S14; E7 S12 F10
// S11 P1; D5 D6; A5; P6; E1 F9).
TEST(ErrorTableTest, CodesThatStockPeersRelyOn) {
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kInvalidRequest).flight), "INTERNAL");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kUnknownArgument).flight), "UNKNOWN");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kNoEndpoint).flight), "UNKNOWN");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kInvalidReplay).flight), "UNKNOWN");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kUnsupported).flight), "UNKNOWN");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kUnavailable).flight), "UNAVAILABLE");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kUnauthenticated).flight), "UNAUTHENTICATED");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kPermissionDenied).flight), "PERMISSION_DENIED");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kInvalidArgument).flight), "INVALID_ARGUMENT");
  EXPECT_EQ(GrpcName(RowOf(ErrorKind::kTimeout).flight), "DEADLINE_EXCEEDED");
}

TEST(ErrorTableTest, AReceivedCodeBecomesAKindWithThatCode) {
  for (int i = 0; i < kFlightCodeCount; ++i) {
    const auto code = static_cast<FlightCode>(i);
    const ErrorKind kind = KindOfFlightCode(code);
    if (code == FlightCode::kNotImplemented) {
      EXPECT_EQ(kind, ErrorKind::kUnsupported);
    } else {
      EXPECT_EQ(RowOf(kind).flight, code) << GrpcName(code);
    }
  }
}

TEST(ErrorTableTest, TheDocumentHasExactlyThisTable) {
  std::ifstream file(CARRYALL_SOURCE_DIR "/docs/errors.md");
  ASSERT_TRUE(file) << "docs/errors.md";
  std::set<std::string> documented;
  for (std::string line; std::getline(file, line);) {
    if (line.find("Error` |") != std::string::npos) documented.insert(line);
  }
  std::set<std::string> expected;
  for (const ErrorRow& row : ErrorTable()) {
    expected.insert(fmt::format("| {} | {} | `{}` | {} | {} |", ErrorKindName(row.kind),
                                GrpcName(row.flight), row.python,
                                static_cast<int>(row.exit), row.meaning));
  }
  EXPECT_EQ(documented, expected);
}

}  // namespace
}  // namespace carryall::wire
