#include "carryall/wire/properties.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include "carryall/wire/schemas.h"

namespace carryall::wire {
namespace {

using Pair = std::pair<std::string, std::optional<std::string>>;

std::shared_ptr<arrow::RecordBatch> Batch(const std::vector<std::vector<Pair>>& rows) {
  const auto keys = std::make_shared<arrow::StringBuilder>();
  const auto values = std::make_shared<arrow::StringBuilder>();
  arrow::MapBuilder builder(arrow::default_memory_pool(), keys, values);
  for (const auto& row : rows) {
    EXPECT_TRUE(builder.Append().ok());
    for (const auto& [key, value] : row) {
      EXPECT_TRUE(keys->Append(key).ok());
      EXPECT_TRUE((value ? values->Append(*value) : values->AppendNull()).ok());
    }
  }
  return arrow::RecordBatch::Make(PublishSchema(), static_cast<int64_t>(rows.size()),
                                  {*builder.Finish()});
}

TEST(DecodeProperties, MergesAllRowsAndTheLastCounts) {
  const auto found =
      DecodeProperties(*Batch({{{"bootstrap.servers", "a:1,b:2"}, {"linger.ms", "5"}},
                               {{"linger.ms", "7"}, {"client.rack", std::nullopt}}}));
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(*found, (Properties{{"bootstrap.servers", "a:1,b:2"}, {"linger.ms", "7"}}));
  EXPECT_TRUE(DecodeProperties(*Batch({}))->empty());
  EXPECT_EQ(DecodeProperties(*Batch({{{"a", "1"}}, {{"b", "2"}}})->Slice(1)),
            (Properties{{"b", "2"}}));
}

TEST(DecodeProperties, RefusesOtherBatchesAndTooMany) {
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.Append(1).ok());
  const auto other = arrow::RecordBatch::Make(CountSchema(), 1, {*builder.Finish()});
  EXPECT_EQ(KindOf(DecodeProperties(*other).status()), ErrorKind::kCorrupt);
  std::vector<Pair> many;
  for (int i = 0; i <= kMaxProperties; ++i) many.push_back({std::to_string(i), "x"});
  EXPECT_EQ(KindOf(DecodeProperties(*Batch({many})).status()),
            ErrorKind::kResourceExhausted);
}

}  // namespace
}  // namespace carryall::wire
