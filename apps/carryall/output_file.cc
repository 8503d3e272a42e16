#include "output_file.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "carryall/files/writer.h"

namespace carryall::apps {

void AddOutputFile(CLI::App& command, std::string& file) {
  command
      .add_option("-o,--output", file,
                  "write to a file: .h5 .hdf5 .hdf .arrow .feather .parquet")
      ->type_name("FILE");
}

Status CheckOutputFile(const std::string& file) {
  if (file.empty()) return Status::OK();
  ARROW_RETURN_NOT_OK(files::FormatOfPath(file));
  std::filesystem::path directory = std::filesystem::path(file).parent_path();
  if (directory.empty()) directory = ".";
  if (access(directory.c_str(), W_OK | X_OK) == 0) return Status::OK();
  return Error(errno == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo,
               "cannot write {}: {}: {}", file, directory.string(),
               std::generic_category().message(errno));
}

}  // namespace carryall::apps
