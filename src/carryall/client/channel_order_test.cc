#include "carryall/client/client_testing.h"
#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"

namespace carryall::client {
namespace {

using testing::ElementsAre;

using ChannelOrderTest = ClientTest;

// The first stream breaks off between the channels of its second span.
TEST_F(ChannelOrderTest, ChannelAfterChannelIsTakenUpAgainWhereASpanBegins) {
  std::vector<std::optional<GpsTime>> asked;
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    asked.push_back(args.start);
    const auto set = platform_.Set(args);
    codec::EncodeOptions options;
    options.form = codec::Form::kRow;
    ARROW_ASSIGN_OR_RAISE(auto made, codec::StreamEncoder::Make(set, options));
    const std::shared_ptr<codec::StreamEncoder> encoder = std::move(made);
    std::vector<flight::Payload> payloads;
    for (GpsTime time = *args.start; time < *args.end; time = time + kSecond * 2) {
      ARROW_ASSIGN_OR_RAISE(
          const SeriesBlock whole,
          codec::BlockFromColumnBatch(TestBatch(*set, time, kSecond * 2), set));
      for (size_t i = 0; i < set->size(); ++i) {
        std::vector<SampleView> views = SeriesBlock::Gap(time, kSecond * 2, set).views();
        views[i] = whole.view(i);
        flight::Payload& payload = payloads.emplace_back();
        ARROW_ASSIGN_OR_RAISE(
            payload.ipc_message,
            encoder->Encode({time, kSecond * 2, set, std::move(views), whole.owners()}));
        if (i + 1 < set->size()) {
          payload.app_metadata = arrow::Buffer::FromString("more");
        }
      }
    }
    return std::make_unique<ScriptedStream>(
        encoder->schema(),
        [payloads, encoder, breaks = asked.size() == 1,
         at = size_t{0}]() mutable -> Result<flight::Payload> {
          if (breaks && at == 3) return Error(ErrorKind::kUnavailable, "breaks off");
          return at == payloads.size() ? flight::Payload{} : payloads[at++];
        });
  };
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints[0].locations = {platform_.url(), platform_.url()};
    return endpoints;
  };
  const auto block = Fetch({"X1:B", "X1:A"}, Span(10, 16));
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_THAT((std::vector<std::string>{Samples(*block, 0), Samples(*block, 1)}),
              ElementsAre("20 21 22 23 24 25 26 27 28 29 30 31",
                          "40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 "
                          "60 61 62 63"));
  EXPECT_THAT(asked, ElementsAre(At(10), At(12)));
}

}  // namespace
}  // namespace carryall::client
