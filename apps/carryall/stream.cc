#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "block_printer.h"
#include "carryall/files/writer.h"
#include "channel_names.h"
#include "command.h"
#include "interrupt.h"
#include "output_file.h"
#include "progress.h"
#include "query_options.h"
#include "session.h"

namespace carryall::apps {
namespace {

struct Options {
  std::vector<std::string> names;
  SpanOptions span;
  std::string stride, on_gap, latency_tolerance, reconnect, file;
  bool latency = false;
  BlockFormat format = BlockFormat::kTable;
  ClientSettings client;
};

// Where blocks go: a file, or standard output.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status Write(const SeriesBlock& block) = 0;
  /// Called while nothing comes from `url`.
  virtual void Wait(const std::string& url) {}
  virtual Status Close() = 0;
};

class FileSink final : public Sink {
 public:
  FileSink(std::unique_ptr<files::BlockWriter> writer, const client::StreamOptions& span,
           Session& session)
      : writer_(std::move(writer)),
        progress_(session.shows_progress(), span.start, span.end) {}
  Status Write(const SeriesBlock& block) override {
    ARROW_RETURN_NOT_OK(writer_->Write(block));
    progress_.Update(writer_->bytes_written(), block.end(), "");
    return Status::OK();
  }
  void Wait(const std::string& url) override { progress_.Wait(url); }
  Status Close() override { return writer_->Close(); }

 private:
  std::unique_ptr<files::BlockWriter> writer_;
  ProgressLine progress_;
};

class OutputSink final : public Sink {
 public:
  OutputSink(const Options& options, Session& session)
      : out_(session.out()),
        format_(options.format),
        latency_(options.latency),
        printer_(BlockPrinter::Make(options.format, &out_)) {}
  Status Write(const SeriesBlock& block) override {
    std::optional<Duration> latency;
    const bool in_table = format_ == BlockFormat::kTable;
    if (latency_ || in_table) latency = Clock::System().Now() - block.time();
    printer_->Print(block, latency);
    if (latency && !in_table) {
      fmt::print(stderr, "block {} latency: {:.6f} s\n", count_, latency->seconds());
    }
    ++count_;
    return out_.Flush();
  }
  Status Close() override { return Status::OK(); }

 private:
  Output& out_;
  BlockFormat format_;
  bool latency_;
  std::unique_ptr<BlockPrinter> printer_;
  int64_t count_ = 0;
};

Result<client::StreamOptions> StreamOptionsOf(const Options& options) {
  ARROW_ASSIGN_OR_RAISE(client::StreamOptions out, StreamOptionsOf(options.span));
  ARROW_ASSIGN_OR_RAISE(out.stride, SecondsOf("--stride", options.stride));
  ARROW_ASSIGN_OR_RAISE(out.latency_tolerance,
                        SecondsOf("--latency-tolerance", options.latency_tolerance));
  ARROW_ASSIGN_OR_RAISE(out.reconnect, SecondsOf("--reconnect", options.reconnect));
  if (options.on_gap == "fill") out.on_gap = mux::OnGap::kFill;
  if (options.on_gap == "skip") out.on_gap = mux::OnGap::kSkip;
  if (options.on_gap == "raise") out.on_gap = mux::OnGap::kRaise;
  return out;
}

Result<std::unique_ptr<Sink>> MakeSink(const Options& options,
                                       const client::StreamOptions& span,
                                       const client::BlockStream& stream,
                                       Session& session) {
  if (options.file.empty()) return std::make_unique<OutputSink>(options, session);
  ARROW_ASSIGN_OR_RAISE(auto writer,
                        files::BlockWriter::Open(options.file, stream.channels()));
  return std::make_unique<FileSink>(std::move(writer), span, session);
}

Status Stream(const Options& options, Session& session) {
  ARROW_RETURN_NOT_OK(CheckOutputFile(options.file));
  ARROW_ASSIGN_OR_RAISE(const std::vector<std::string> names,
                        ExpandNames(options.names, std::cin));
  ARROW_ASSIGN_OR_RAISE(const client::StreamOptions span, StreamOptionsOf(options));
  client::CallContext context = session.context();
  ARROW_ASSIGN_OR_RAISE(const auto stream, session.client().Stream(names, span, context));
  ARROW_ASSIGN_OR_RAISE(const auto sink, MakeSink(options, span, *stream, session));
  context.poll = [&] {
    sink->Wait(session.client().url());
    return CheckInterrupt();
  };
  while (true) {
    Result<std::optional<SeriesBlock>> block = stream->Next(context);
    // A stream may have no end: Ctrl-C is how it is meant to be stopped.
    if (!block.ok() && InterruptSignal() == SIGINT) break;
    ARROW_RETURN_NOT_OK(block.status());
    if (!*block) break;
    const Status written = sink->Write(**block);
    if (!written.ok() && InterruptSignal() == SIGINT) break;
    ARROW_RETURN_NOT_OK(written);
  }
  return sink->Close();
}

}  // namespace

void AddStreamCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand(
      "stream",
      "Get blocks as they come: live, from --start on, or a span. Ctrl-C ends it.");
  auto options = std::make_shared<Options>();
  AddChannelNames(*command, options->names);
  AddSpanOptions(*command, options->span);
  command->add_option("--stride", options->stride, "length of a block")
      ->type_name("SECONDS");
  command
      ->add_option("--on-gap", options->on_gap,
                   "where every channel is missing: a masked block, none, or an error")
      ->check(CLI::IsMember({"fill", "skip", "raise"}));
  command
      ->add_option("--latency-tolerance", options->latency_tolerance,
                   "how late a block may be before what is missing is a gap")
      ->type_name("SECONDS");
  command
      ->add_option("--reconnect", options->reconnect,
                   "go on where a server broke off, as long as it is not away for longer")
      ->type_name("SECONDS");
  command->add_flag_callback(
      "--no-fast-forward", [] {},
      "without effect: what a reader cannot keep up with is a gap");
  command->add_flag("--latency", options->latency, "say how old blocks are");
  AddOutputFile(*command, options->file);
  AddBlockFormats(*command, options->format);
  command
      ->add_option("--codec", options->client.codec, "compression to ask the server for")
      ->check(CLI::IsMember({"none", "lz4", "zstd"}));
  AddClientOptions(*command, options->client);
  command->callback([&global, options] {
    global.run = [&global, options] {
      return RunVerb(global, options->client,
                     [&](Session& session) { return Stream(*options, session); });
    };
  });
}

}  // namespace carryall::apps
