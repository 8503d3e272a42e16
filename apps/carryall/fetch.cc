#include <CLI/CLI.hpp>
#include <iostream>

#include "block_printer.h"
#include "carryall/files/writer.h"
#include "channel_names.h"
#include "command.h"
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

// A span that may be larger than memory goes to the file block by block.
Status CopyToFile(const std::vector<std::string>& names,
                  const client::StreamOptions& span, GpsTime end, const std::string& file,
                  Session& session) {
  if (end <= *span.start) {
    return Error(ErrorKind::kInvalidArgument, "empty span: {} to {}",
                 ToString(*span.start), ToString(end));
  }
  ProgressLine progress(session.shows_progress(), span.start, end);
  const client::CallContext context = session.context();
  ARROW_ASSIGN_OR_RAISE(const auto stream, session.client().Stream(names, span, context));
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        files::BlockWriter::Open(file, stream->channels()));
  GpsTime complete_until = *span.start;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(std::optional<SeriesBlock> block, stream->Next(context));
    if (!block) break;
    // Servers may send whole strides.
    if (block->end() > end) {
      ARROW_ASSIGN_OR_RAISE(block, block->Slice(block->time(), end - block->time()));
    }
    ARROW_RETURN_NOT_OK(writer->Write(*block));
    complete_until = block->end();
    progress.Update(writer->bytes_written(), complete_until, "");
  }
  if (complete_until < end) {
    return Error(ErrorKind::kUnavailable,
                 "data end at {}, before the end of the span at {}",
                 ToString(complete_until), ToString(end));
  }
  return writer->Close();
}

Status Fetch(const Options& options, Session& session) {
  if (!options.file.empty()) ARROW_RETURN_NOT_OK(files::FormatOfPath(options.file));
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
  command
      ->add_option("-o,--output", options->file,
                   "write to a file: .h5 .hdf5 .arrow .feather .parquet")
      ->type_name("FILE");
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
