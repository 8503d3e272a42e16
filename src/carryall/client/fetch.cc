#include "carryall/client/fetch.h"

#include <algorithm>

namespace carryall::client {
namespace {

// Endpoints read at once; more wait for their turn.
constexpr size_t kMaxReaders = 16;
constexpr auto kProgressPause = std::chrono::milliseconds(100);

using Readers = std::vector<std::unique_ptr<EndpointReader>>;

// How many have ended, which are let go; the first error, if one of them failed.
Result<size_t> Collect(const Assembly& assembly, Readers* readers) {
  size_t ended = 0;
  for (size_t e = 0; e < readers->size(); ++e) {
    const auto end = assembly.end(e);
    if (!end) continue;
    ARROW_RETURN_NOT_OK(*end);
    (*readers)[e].reset();
    ++ended;
  }
  return ended;
}

void Tell(const Assembly& assembly, const Readers& readers, GpsTime start, GpsTime end,
          const CallContext& context) {
  if (!context.progress) return;
  const Assembly::Behind behind = assembly.behind();
  CallContext::Progress progress;
  progress.bytes = behind.bytes;
  progress.complete_until = std::clamp(behind.until, start, end);
  if (behind.endpoint && readers[*behind.endpoint] != nullptr) {
    progress.waiting_for = readers[*behind.endpoint]->url();
  }
  context.progress(progress);
}

// All are cancelled before the first one is waited for.
struct CancelAll {
  const Readers& readers;
  ~CancelAll() {
    for (const auto& reader : readers) {
      if (reader != nullptr) reader->Cancel();
    }
  }
};

}  // namespace

Status Assemble(const std::shared_ptr<Assembly>& assembly, size_t endpoints,
                const std::function<std::unique_ptr<EndpointReader>(size_t e)>& start_one,
                GpsTime start, GpsTime end, const CallContext& context) {
  Readers readers(endpoints);
  const CancelAll cancel{readers};
  size_t started = 0, ended = 0;
  while (ended < endpoints) {
    for (; started < endpoints && started < ended + kMaxReaders; ++started) {
      readers[started] = start_one(started);
    }
    ARROW_ASSIGN_OR_RAISE(
        const bool another,
        assembly->Wait(ended, SteadyNow() + kProgressPause, ToInterrupt(context)));
    if (another) {
      ARROW_ASSIGN_OR_RAISE(ended, Collect(*assembly, &readers));
    }
    for (const auto& reader : readers) {
      if (reader != nullptr) ARROW_RETURN_NOT_OK(reader->Expired(SteadyNow()));
    }
    Tell(*assembly, readers, start, end, context);
  }
  return Status::OK();
}

Result<SeriesBlock> FetchSpan(const std::shared_ptr<const Session>& session,
                              const StreamPlan& plan, GpsTime start, GpsTime end,
                              const StreamOptions& options, const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(
      auto assembler,
      codec::SpanAssembler::Make(start, end, plan.channels, options.max_result_bytes));
  const bool fills = options.on_gap == mux::OnGap::kFill;
  const auto assembly = std::make_shared<Assembly>(
      Assembly::Options{.endpoints = plan.endpoints.size(),
                        .one_at_a_time = plan.has_shared_channels(),
                        .places_gaps = !fills});
  assembly->Begin(std::move(assembler));
  const auto start_one = [&](size_t e) {
    return EndpointReader::Start(
        session, plan, e,
        {.batch_bytes = kFetchBatchBytes, .single_strides = !fills, .by_channel = fills},
        {[assembly, e, endpoint = plan.endpoints[e]](const flight::Delivery& delivery) {
           return assembly->Place(e, delivery, endpoint);
         },
         [assembly, e](const Status& status) { assembly->End(e, status); }});
  };
  ARROW_RETURN_NOT_OK(
      Assemble(assembly, plan.endpoints.size(), start_one, start, end, context));
  if (options.on_gap == mux::OnGap::kRaise) {
    if (const auto gap = assembly->assembler().FirstFullGap(plan.native_stride)) {
      return Error(ErrorKind::kGap, "no data of any channel in [{}, {})",
                   ToString(gap->first), ToString(gap->second));
    }
  }
  return assembly->assembler().Finish();
}

}  // namespace carryall::client
