#include "carryall/archive/import.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "command.h"
#include "interrupt.h"
#include "log_to_stderr.h"
#include "output.h"
#include "progress.h"
#include "session.h"
#include "text.h"

namespace carryall::apps {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string archive;
};

Status Import(const Options& options, const GlobalOptions& global) {
  ARROW_ASSIGN_OR_RAISE(const LogLevel level, LogLevelOf(global));
  LogToStderr(level);
  ProgressLine line(ShowsProgress(global), std::nullopt, std::nullopt);
  std::stop_source stop;
  archive::ImportOptions how;
  how.stop = stop.get_token();
  how.progress = [&](const archive::ImportProgress& progress) {
    if (!CheckInterrupt().ok()) stop.request_stop();
    line.Update(progress.bytes, progress.time, progress.path);
  };
  ARROW_ASSIGN_OR_RAISE(const archive::ImportReport report,
                        archive::ImportFiles(options.files, options.archive, how));
  line.Clear();
  for (const std::string& part : report.skipped) {
    Log(LogLevel::kInfo, "left out {}", Printable(part));
  }
  if (global.quiet) return Status::OK();
  Output out(STDOUT_FILENO);
  const archive::WriteReport& written = report.written;
  out.Append(fmt::format("{} channels: {} samples added ({}), {} there already\n",
                         written.channels, GroupedDigits(written.added_samples),
                         FormatBytes(written.added_bytes),
                         GroupedDigits(written.known_samples)));
  const Status said = out.Flush();
  return out.reader_gone() ? Status::OK() : said;
}

int Run(const Options& options, const GlobalOptions& global) {
  std::signal(SIGPIPE, SIG_IGN);
  RememberInterrupts();
  const Status status = Import(options, global);
  if (status.ok()) return 0;
  const int number = InterruptSignal();
  if (KindOf(status) == ErrorKind::kCancelled && number != 0) return 128 + number;
  return ReportError(status);
}

}  // namespace

void AddImportCommand(CLI::App& app, GlobalOptions& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "import", "Put files into an archive: HDF5 as gwpy and GWOSC write it, or Arrow.");
  command->add_option("files", options->files, "what to read")
      ->type_name("FILE")
      ->required();
  command->add_option("--archive", options->archive, "the archive; created if need be")
      ->type_name("DIR")
      ->required();
  command->footer(
      "All files are imported, or none. Samples that the archive holds already are "
      "compared\nand left out, so an import can be repeated.");
  command->callback([options, &global] {
    global.run = [options, &global] { return Run(*options, global); };
  });
}

}  // namespace carryall::apps
