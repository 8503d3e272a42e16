#include "carryall/archive/import.h"

namespace carryall::archive {
namespace {

Status ImportFile(const std::string& path, const ImportOptions& options,
                  ImportProgress* progress, ArchiveWriter* writer, ImportReport* report) {
  ARROW_ASSIGN_OR_RAISE(auto reader, files::BlockReader::Open(path, options.reader));
  for (const files::FileSeries& series : reader->series()) {
    ARROW_RETURN_NOT_OK(WithContext(writer->Declare(series.channel, series.unit),
                                    fmt::format("{}: {}", path, series.where)));
  }
  for (const std::string& part : reader->skipped()) {
    report->skipped.push_back(fmt::format("{}: {}", path, part));
  }
  while (true) {
    if (options.stop.stop_requested()) {
      return Error(ErrorKind::kCancelled, "import was stopped while reading {}", path);
    }
    ARROW_ASSIGN_OR_RAISE(const auto block, reader->Next());
    if (!block) return Status::OK();
    ARROW_RETURN_NOT_OK(WithContext(writer->Write(*block), path));
    for (const SampleView& view : block->views()) {
      progress->bytes += view.length * ByteWidth(view.data_type);
    }
    progress->time = block->end();
    if (options.progress) options.progress(*progress);
  }
}

}  // namespace

Result<ImportReport> ImportFiles(const std::vector<std::string>& paths,
                                 const std::string& archive,
                                 const ImportOptions& options) {
  if (paths.empty()) return Error(ErrorKind::kInvalidArgument, "no files to import");
  ImportReport report;
  ImportProgress progress;
  progress.files = paths.size();
  ARROW_ASSIGN_OR_RAISE(auto writer, ArchiveWriter::Open(archive, options.writer));
  for (const std::string& path : paths) {
    progress.path = path;
    ARROW_RETURN_NOT_OK(ImportFile(path, options, &progress, writer.get(), &report));
    ++progress.file;
  }
  ARROW_ASSIGN_OR_RAISE(report.written, writer->Commit());
  report.files = paths.size();
  return report;
}

}  // namespace carryall::archive
