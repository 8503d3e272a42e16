#include "carryall/client/direct_fetch.h"

#include "carryall/base/distinct.h"
#include "carryall/base/log.h"
#include "carryall/client/deadlines.h"
#include "carryall/client/fetch.h"
#include "carryall/client/metadata.h"
#include "carryall/wire/description.h"
#include "carryall/wire/request.h"

namespace carryall::client {
namespace {

// Knows the channels only once the stream begins; then it is a BlockSink that fills an
// assembly.
class DirectSink final : public flight::MessageSink {
 public:
  DirectSink(std::string ticket, std::vector<std::string> names, GpsTime start,
             GpsTime end, int64_t max_bytes, std::shared_ptr<Assembly> assembly)
      : ticket_(std::move(ticket)),
        names_(std::move(names)),
        start_(start),
        end_(end),
        max_bytes_(max_bytes),
        assembly_(std::move(assembly)) {}

  std::string ticket() override { return blocks_ ? blocks_->ticket() : ticket_; }
  bool can_resume() const override { return true; }
  int64_t progress() const override {
    return blocks_ ? blocks_->progress() : GpsTime::Min().ns();
  }
  bool complete() const override { return blocks_ && blocks_->complete(); }
  void OnDescription(std::string_view description) override {
    description_ = description;
  }
  Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) override {
    if (!blocks_) ARROW_RETURN_NOT_OK(Begin());
    return blocks_->OnSchema(schema);
  }
  Status OnMessage(codec::IpcMessage message) override {
    return blocks_->OnMessage(std::move(message));
  }
  void Finish(const Status& status) override { assembly_->End(0, status); }

 private:
  Status Begin() {
    ARROW_ASSIGN_OR_RAISE(std::vector<Channel> described,
                          wire::ReadDescription(description_));
    if (!PutInOrder(Distinct(names_), &described)) {
      return Error(ErrorKind::kCorrupt, "not a description of the channels asked for");
    }
    Duration stride;
    ARROW_ASSIGN_OR_RAISE(const auto channels,
                          StreamableSet(std::move(described), &stride));
    ARROW_RETURN_NOT_OK(CheckOnSample(*channels, start_, "start"));
    ARROW_RETURN_NOT_OK(CheckOnSample(*channels, end_, "end"));
    ARROW_ASSIGN_OR_RAISE(auto assembler,
                          codec::SpanAssembler::Make(start_, end_, channels, max_bytes_));
    assembly_->Begin(std::move(assembler));
    StreamEndpoint all;
    for (size_t i = 0; i < channels->size(); ++i) {
      all.positions.push_back(static_cast<int32_t>(i));
    }
    flight::BlockSink::Options options;
    options.ticket = ticket_;
    options.channels = channels;
    options.start = start_;
    options.end = end_;
    blocks_.emplace(
        std::move(options),
        [assembly = assembly_, all](const flight::Delivery& delivery) {
          return assembly->Place(0, delivery, all);
        },
        nullptr);
    return Status::OK();
  }

  const std::string ticket_;
  const std::vector<std::string> names_;
  const GpsTime start_, end_;
  const int64_t max_bytes_;
  const std::shared_ptr<Assembly> assembly_;
  std::string description_;
  std::optional<flight::BlockSink> blocks_;
};

bool MayBeDirect(const Session& session, const TimeSpan& span,
                 const StreamOptions& options, GpsTime now) {
  return session.is_alone() && session.options().compact && span.bounded() &&
         *span.end <= now && options.on_gap == mux::OnGap::kFill && !options.replay_id &&
         !options.replay_start && !options.replay_end && !options.kafka_url &&
         !options.reconnect;
}

flight::ReadOptions HowToRead(const Session& session,
                              const std::vector<std::string>& names, const TimeSpan& span,
                              const StreamOptions& options, GpsTime now) {
  wire::Accept accept;
  accept.rows = wire::kMaxAcceptRows;
  accept.bytes = kFetchBatchBytes;
  accept.form = wire::Accept::Form::kRow;
  accept.order = wire::Accept::Order::kChannel;
  accept.codec =
      wire::CodecFromName(session.options().codec).ValueOr(wire::Accept::Codec::kNone);
  accept.describe = true;
  flight::Headers headers = CallHeaders();
  headers.emplace_back(wire::kAcceptHeader, wire::FormatAccept(accept));
  flight::ReadOptions read = session.ReadOptions(Endpoint{"", {session.url()}, ""},
                                                 NameSome(names), std::move(headers));
  ClientOptions limits = session.options();
  if (options.silence_timeout) limits.silence_timeout = options.silence_timeout;
  StreamEndpoint past;
  past.start = span.start;
  past.end = span.end;
  read.silence_timeout = SilenceTimeout(limits, past, std::nullopt, now);
  return read;
}

}  // namespace

Result<std::optional<SeriesBlock>> FetchDirect(
    const std::shared_ptr<const Session>& session, const std::vector<std::string>& names,
    const TimeSpan& span, const StreamOptions& options, const CallContext& context) {
  const GpsTime now = Clock::System().Now();
  if (names.empty() || !MayBeDirect(*session, span, options, now)) return std::nullopt;
  wire::StreamArgs args;
  args.channels = names;
  args.start = span.start;
  args.end = span.end;
  const auto assembly = std::make_shared<Assembly>(Assembly::Options{});
  const auto start_one = [&](size_t) {
    return ReadWith(flight::MessageReader::Start(
        session->pool(), HowToRead(*session, names, span, options, now),
        std::make_shared<DirectSink>(
            wire::SerializeRequest({wire::RequestType::kStream, args, std::nullopt}),
            names, *span.start, *span.end, options.max_result_bytes, assembly)));
  };
  const Status read = Assemble(assembly, 1, start_one, *span.start, *span.end, context);
  if (read.ok()) return assembly->assembler().Finish();
  const auto ended = assembly->end(0);
  // What ends the call from outside, and what took too long.
  if (!ended || ended->message() != read.message()) return read;
  Log(LogLevel::kDebug, "{} is planned, since it did not come without: {}",
      NameSome(names), read.message());
  if (!assembly->begun()) session->NoteAlone(false);
  return std::nullopt;
}

}  // namespace carryall::client
