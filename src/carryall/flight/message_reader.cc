#include "carryall/flight/message_reader.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>

#include <limits>
#include <random>

#include "carryall/base/log.h"
#include "carryall/flight/backoff.h"
#include "carryall/flight/read_data.h"
#include "carryall/flight/status.h"
#include "carryall/wire/accept.h"
#include "carryall/wire/error_table.h"

namespace carryall::flight {
namespace {

using arrow::flight::internal::ClientDataStream;
using arrow::flight::internal::FlightData;

constexpr auto kJoinPatience = std::chrono::milliseconds(500);

SteadyTime After(SteadyTime from, Duration wait) {
  const auto room = SteadyTime::max() - from;
  return ToChrono(wait) > room ? SteadyTime::max() : from + ToChrono(wait);
}

Result<std::shared_ptr<arrow::Schema>> ReadSchema(const FlightData& data) {
  arrow::ipc::DictionaryMemo memo;
  const auto message = arrow::ipc::Message::Open(data.metadata, data.body);
  auto schema =
      message.ok() ? arrow::ipc::ReadSchema(**message, &memo) : message.status();
  if (schema.ok()) return schema;
  return Error(ErrorKind::kCorrupt, "the stream does not begin with a schema: {}",
               schema.status().message());
}

bool Says(const FlightData& data, std::string_view what) {
  return data.app_metadata != nullptr && std::string_view(*data.app_metadata) == what;
}

}  // namespace

struct MessageReader::Shared {
  std::shared_ptr<ConnectionPool> pool;
  ReadOptions options;
  std::shared_ptr<MessageSink> sink;

  // The reader's thread only.
  struct Break {
    Backoff backoff;
    int64_t progress;  // of the sink, when it was
  };
  std::optional<Break> broken;
  std::optional<std::pair<std::string, std::string>>
      renewed;           // a ticket and its successor
  bool refused = false;  // what came was not acceptable, which no other try will change

  mutable std::mutex mutex;
  std::condition_variable ended, cancelling;
  bool done = false;
  bool cancelled = false;
  SteadyTime cancelled_at;
  Stage stage = Stage::kConnecting;
  SteadyTime deadline = SteadyTime::max();
  bool has_heartbeats = false;  // the server that is read
  Status overdue;               // the call was cancelled for it
  std::string url;
  // Set while a call is on; owned by the reader's thread, which clears it under the
  // mutex.
  ClientDataStream* stream = nullptr;

  void Enter(Stage next) {
    std::lock_guard lock(mutex);
    stage = next;
    const SteadyTime now = SteadyNow();
    switch (next) {
      case Stage::kConnecting:
        // gRPC's connect deadline comes first and says why.
        deadline = After(now, options.connect_timeout + Duration::FromSeconds(1));
        break;
      case Stage::kAnswer:
        deadline = After(now, options.answer_timeout);
        break;
      case Stage::kMessage:
        deadline = SteadyTime::max();
        if (const auto longest = LongestSilence()) {
          deadline =
              After(has_heartbeats ? now : std::max(now, options.silent_until), *longest);
        }
        break;
      case Stage::kIdle:
        deadline = SteadyTime::max();
        break;
    }
  }

  std::optional<Duration> LongestSilence() const {
    return has_heartbeats ? options.heartbeat_timeout : options.silence_timeout;
  }

  bool stopped() const {
    std::lock_guard lock(mutex);
    return cancelled;
  }

  // False: it was cancelled.
  bool PauseUntil(SteadyTime time) {
    Enter(Stage::kIdle);
    std::unique_lock lock(mutex);
    return !cancelling.wait_until(lock, time, [this] { return cancelled; });
  }

  void NoteBreak(const std::string& why) {
    if (!options.reconnect || broken) return;
    const Duration limit = options.reconnect->limit;
    broken.emplace(
        Break{Backoff(SteadyNow(), limit, std::random_device()()), sink->progress()});
    Log(LogLevel::kWarning,
        "the stream of {} broke off and is asked for again for {}: {}", options.what,
        ToString(limit), why);
    sink->OnBreak();
  }
  void NoteProgress() {
    if (!broken || sink->progress() <= broken->progress) return;
    const auto took =
        std::chrono::duration<double>(SteadyNow() - broken->backoff.since());
    Log(LogLevel::kWarning, "{}: the stream of {} goes on after {:.1f} s", url,
        options.what, took.count());
    broken.reset();
  }

  bool CanTryElsewhere(const Status& outcome) const {
    if (refused || !sink->can_resume()) return false;
    if (wire::RowOf(outcome).flight == wire::FlightCode::kUnavailable) return true;
    const ErrorKind kind = KindOf(outcome);
    return options.reconnect &&
           (kind == ErrorKind::kTimeout || kind == ErrorKind::kCancelled);
  }

  Status Overdue() const {
    const auto text = [&](std::string_view event, Duration wait) {
      return Error(ErrorKind::kTimeout, "{}: {} within {} (reading {})", url, event,
                   ToString(wait), options.what);
    };
    switch (stage) {
      case Stage::kConnecting:
        return text("no connection", options.connect_timeout);
      case Stage::kAnswer:
        return text("no answer to a read", options.answer_timeout);
      default:
        return text(has_heartbeats ? "no sign of life" : "no further data",
                    LongestSilence().value_or(Duration()));
    }
  }
};

MessageReader::MessageReader(std::shared_ptr<Shared> shared)
    : shared_(std::move(shared)), thread_([copy = shared_] { Run(copy); }) {}

std::unique_ptr<MessageReader> MessageReader::Start(std::shared_ptr<ConnectionPool> pool,
                                                    ReadOptions options,
                                                    std::shared_ptr<MessageSink> sink) {
  auto shared = std::make_shared<Shared>();
  shared->pool = std::move(pool);
  shared->options = std::move(options);
  shared->sink = std::move(sink);
  if (!shared->options.urls.empty()) shared->url = shared->options.urls.front();
  return std::unique_ptr<MessageReader>(new MessageReader(std::move(shared)));
}

MessageReader::~MessageReader() {
  Cancel();
  std::unique_lock lock(shared_->mutex);
  shared_->ended.wait_until(lock, shared_->cancelled_at + kJoinPatience,
                            [&] { return shared_->done; });
  const bool connecting = !shared_->done && shared_->stage == Stage::kConnecting;
  lock.unlock();
  if (connecting) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

SteadyTime MessageReader::deadline() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->deadline;
}

std::string MessageReader::url() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->url;
}

Status MessageReader::Expired(SteadyTime now) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->done || now < shared_->deadline) return Status::OK();
  const Status status = shared_->Overdue();
  if (shared_->options.reconnect && shared_->stream != nullptr) {
    shared_->overdue = status;
    shared_->deadline = SteadyTime::max();
    shared_->stream->TryCancel();
    return Status::OK();
  }
  lock.unlock();
  Cancel();
  return status;
}

void MessageReader::Cancel() {
  std::lock_guard lock(shared_->mutex);
  if (shared_->cancelled) return;
  shared_->cancelled = true;
  shared_->cancelled_at = SteadyNow();
  shared_->cancelling.notify_all();
  if (shared_->stream != nullptr) shared_->stream->TryCancel();
}

void MessageReader::Run(const std::shared_ptr<Shared>& shared) {
  Status outcome = ReadLocations(*shared);
  if (shared->stopped()) outcome = Error(ErrorKind::kCancelled, "the read was cancelled");
  shared->sink->Finish(outcome);
  shared->sink.reset();
  std::lock_guard lock(shared->mutex);
  shared->deadline = SteadyTime::max();
  shared->done = true;
  shared->ended.notify_all();
}

Status MessageReader::ReadLocations(Shared& shared) {
  for (;;) {
    const Round round = ReadOnce(shared);
    if (!round.broke || !shared.broken || shared.stopped()) return round.outcome;
    Backoff& backoff = shared.broken->backoff;
    const auto again = backoff.Next(SteadyNow());
    if (!again) {
      return WithContext(round.outcome,
                         fmt::format("given up after {} tries in {}", backoff.tries(),
                                     ToString(shared.options.reconnect->limit)));
    }
    if (!shared.PauseUntil(*again)) return round.outcome;
    if (backoff.tries() > 1) Renew(shared);
  }
}

MessageReader::Round MessageReader::ReadOnce(Shared& shared) {
  const std::vector<std::string> urls = shared.options.urls;
  MessageSink& sink = *shared.sink;
  Status outcome =
      Error(ErrorKind::kUnavailable, "no location to read {} from", shared.options.what);
  std::string failures;
  bool ended_well = false;
  for (size_t at = 0; at < urls.size();) {
    const int64_t before = sink.progress();
    outcome = ReadFrom(shared, urls[at]);
    if (shared.stopped()) return {outcome};
    if (outcome.ok()) {
      if (sink.complete()) return {outcome};
      if (sink.expects_more()) shared.NoteBreak(urls[at] + ": the server ended it");
      if (sink.progress() > before) continue;
      ended_well = true;
    } else {
      if (!failures.empty()) outcome = WithContext(outcome, failures);
      if (!shared.CanTryElsewhere(outcome)) return {outcome};
      failures = outcome.message();
      shared.NoteBreak(failures);
      Log(shared.broken ? LogLevel::kDebug : LogLevel::kWarning, "a location failed: {}",
          failures);
    }
    ++at;
  }
  if (ended_well && !sink.expects_more()) return {Status::OK()};
  if (outcome.ok() || KindOf(outcome) == ErrorKind::kCancelled) {
    outcome = Error(ErrorKind::kUnavailable, "{}: the server ended the stream of {}",
                    shared.url, shared.options.what);
  }
  return {outcome, true};
}

void MessageReader::Renew(Shared& shared) {
  if (!shared.options.reconnect->renew) return;
  std::string ticket = shared.sink->ticket();
  auto place = shared.options.reconnect->renew(ticket, [&] { return shared.stopped(); });
  if (!place.ok()) {
    Log(LogLevel::kDebug, "{} is not planned anew: {}", shared.options.what,
        place.status().message());
    return;
  }
  shared.options.urls = std::move(place->urls);
  shared.renewed.emplace(std::move(ticket), std::move(place->ticket));
}

Status MessageReader::ReadFrom(Shared& shared, const std::string& url) {
  {
    std::lock_guard lock(shared.mutex);
    shared.url = url;
    shared.has_heartbeats = false;
  }
  shared.Enter(Stage::kConnecting);
  ARROW_ASSIGN_OR_RAISE(auto lease, shared.pool->Acquire(url));
  ARROW_ASSIGN_OR_RAISE(const auto stream, Open(shared, *lease.connection()));
  {
    std::lock_guard lock(shared.mutex);
    shared.stream = stream.get();
    if (shared.cancelled) stream->TryCancel();
  }
  const Result<bool> began = ReadStream(shared, *stream);
  shared.Enter(Stage::kIdle);
  if (!began.ok()) stream->TryCancel();
  const Status sent = stream->Finish(Status::OK());
  Status overdue;
  {
    std::lock_guard lock(shared.mutex);
    shared.stream = nullptr;
    overdue = std::exchange(shared.overdue, Status::OK());
  }
  if (!began.ok()) {
    shared.refused = true;
    return WithContext(began.status(), url);
  }
  if (!overdue.ok()) {
    lease.Drop();
    return overdue;
  }
  if (!sent.ok() && !shared.stopped()) lease.Drop();
  ARROW_RETURN_NOT_OK(FromFlightStatus(sent, url));
  if (!*began && !shared.stopped()) {
    return Error(ErrorKind::kCorrupt, "{}: the stream ended without a schema", url);
  }
  return Status::OK();
}

Result<std::unique_ptr<ClientDataStream>> MessageReader::Open(Shared& shared,
                                                              Connection& connection) {
  const ReadOptions& options = shared.options;
  if (options.upload.empty()) {
    std::string ticket = shared.sink->ticket();
    if (shared.renewed && shared.renewed->first == ticket)
      ticket = shared.renewed->second;
    return connection.DoGet(ticket, options.headers);
  }
  return connection.DoExchange(options.headers);
}

Result<bool> MessageReader::ReadStream(Shared& shared, ClientDataStream& stream) {
  bool began = false;
  shared.Enter(Stage::kAnswer);
  for (const auto& payload : shared.options.upload) {
    // A server that wants no more says why when it is read.
    const auto sent = stream.WriteData(payload);
    if (!sent.ok() || !*sent) break;
  }
  if (!shared.options.upload.empty()) (void)stream.WritesDone();
  for (FlightData data;;) {
    auto next = ReadData(stream, &data);
    if (!next.ok()) {
      return WithContext(next.status(), fmt::format("reading {}", shared.options.what));
    }
    shared.Enter(Stage::kIdle);
    if (!*next || shared.stopped()) return began;
    if (data.metadata != nullptr && data.metadata->size() > 0) {
      if (data.body == nullptr) data.body = std::make_shared<arrow::Buffer>("");
      if (began) {
        ARROW_RETURN_NOT_OK(
            shared.sink->OnMessage({data.metadata, data.body, Says(data, wire::kMore)}));
        shared.NoteProgress();
      } else {
        ARROW_ASSIGN_OR_RAISE(const auto schema, ReadSchema(data));
        if (data.app_metadata != nullptr && data.app_metadata->size() > 0) {
          shared.sink->OnDescription(std::string_view(*data.app_metadata));
        }
        ARROW_RETURN_NOT_OK(shared.sink->OnSchema(schema));
        began = true;
      }
    } else if (Says(data, wire::kHeartbeat)) {
      std::lock_guard lock(shared.mutex);
      shared.has_heartbeats = true;
    }
    shared.Enter(began ? Stage::kMessage : Stage::kAnswer);
  }
}

}  // namespace carryall::flight
