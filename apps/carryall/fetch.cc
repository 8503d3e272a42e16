#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "block_printer.h"
#include "carryall/base/log.h"
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
  std::string file;
  BlockFormat format = BlockFormat::kTable;
  ClientSettings client;
};

std::optional<GpsTime> EndOf(const client::StreamOptions& stream) {
  if (stream.end) return stream.end;
  if (stream.start && stream.duration) return *stream.start + *stream.duration;
  return std::nullopt;
}

// What a server that ended early did not send is missing, as in the middle of the span.
Status WriteMissing(GpsTime begin, GpsTime end, const client::BlockStream& stream,
                    const client::StreamOptions& span, files::BlockWriter& writer) {
  if (begin >= end) return Status::OK();
  if (span.on_gap == mux::OnGap::kRaise) {
    return Error(ErrorKind::kGap, "data end at {}, before the end of the span at {}",
                 ToString(begin), ToString(end));
  }
  Log(LogLevel::kWarning, "data end at {}, the rest of the span to {} is missing",
      ToString(begin), ToString(end));
  while (begin < end) {
    ARROW_RETURN_NOT_OK(CheckInterrupt());
    const Duration step = std::min(Duration::FromSeconds(1), end - begin);
    ARROW_RETURN_NOT_OK(writer.Write(SeriesBlock::Gap(begin, step, stream.channels())));
    begin = begin + step;
  }
  return Status::OK();
}

// A span that may be larger than memory goes to the file block by block.
Status CopyToFile(const std::vector<std::string>& names,
                  const client::StreamOptions& span, GpsTime end, const std::string& file,
                  Session& session) {
  if (end <= *span.start) {
    return Error(ErrorKind::kInvalidArgument, "empty span: {} to {}",
                 ToString(*span.start), ToString(end));
  }
  ProgressLine progress(session.shows_progress(), span.start, end);
  client::CallContext context = session.context();
  context.poll = [&] {
    progress.Wait(session.client().url());
    return CheckInterrupt();
  };
  ARROW_ASSIGN_OR_RAISE(const auto stream, session.client().Stream(names, span, context));
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        files::BlockWriter::Open(file, stream->channels()));
  GpsTime complete_until = *span.start;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const std::optional<SeriesBlock> block, stream->Next(context));
    if (!block) break;
    ARROW_RETURN_NOT_OK(writer->Write(*block));
    complete_until = block->end();
    progress.Update(writer->bytes_written(), complete_until, "");
  }
  ARROW_RETURN_NOT_OK(WriteMissing(complete_until, end, *stream, span, *writer));
  return writer->Close();
}

Status Fetch(const Options& options, Session& session) {
  ARROW_RETURN_NOT_OK(CheckOutputFile(options.file));
  ARROW_ASSIGN_OR_RAISE(const std::vector<std::string> names,
                        ExpandNames(options.names, std::cin));
  ARROW_ASSIGN_OR_RAISE(const client::StreamOptions span, StreamOptionsOf(options.span));
  const std::optional<GpsTime> end = EndOf(span);
  if (!options.file.empty() && span.start && end) {
    return CopyToFile(names, span, *end, options.file, session);
  }
  ProgressLine progress(session.shows_progress(), span.start, end);
  client::CallContext context = session.context();
  context.progress = [&](const client::CallContext::Progress& now) {
    progress.Update(now.bytes, now.complete_until, now.waiting_for);
  };
  ARROW_ASSIGN_OR_RAISE(const SeriesBlock block,
                        session.client().Fetch(names, span, context));
  progress.Clear();
  if (options.file.empty()) {
    BlockPrinter::Make(options.format, &session.out())->Print(block, std::nullopt);
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        files::BlockWriter::Open(options.file, block.channels()));
  ARROW_RETURN_NOT_OK(writer->Write(block));
  return writer->Close();
}

}  // namespace

void AddFetchCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand("fetch",
                                         "Get the samples of a span: --start with --end "
                                         "or --duration; --start alone for one "
                                         "block there; nothing for the newest block.");
  auto options = std::make_shared<Options>();
  AddChannelNames(*command, options->names);
  AddSpanOptions(*command, options->span);
  AddOutputFile(*command, options->file);
  AddBlockFormats(*command, options->format);
  command
      ->add_option("--codec", options->client.codec, "compression to ask the server for")
      ->check(CLI::IsMember({"none", "lz4", "zstd"}));
  AddClientOptions(*command, options->client);
  command->callback([&global, options] {
    global.run = [&global, options] {
      return RunVerb(global, options->client,
                     [&](Session& session) { return Fetch(*options, session); });
    };
  });
}

}  // namespace carryall::apps
