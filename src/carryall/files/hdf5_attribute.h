#pragma once

#include <optional>
#include <string>

#include "carryall/files/hdf5_handle.h"

namespace carryall::files {

/// One number out of an attribute: as an integer too where the file stores one.
struct Hdf5Number {
  double value = 0;
  std::optional<int64_t> integer;
};

/// Whether `path` leads to an object by hard links alone (others may lead to other
/// files). The session is held by the caller, here and below.
bool HardPathExists(hid_t file, const std::string& path);

/// An attribute that is one number; nothing if there is no such attribute,
/// kInvalidArgument naming it if it is something else.
Result<std::optional<Hdf5Number>> ReadNumber(hid_t object, const char* attribute);

/// An attribute that is one text of at most 4096 bytes, likewise.
Result<std::optional<std::string>> ReadText(hid_t object, const char* attribute);

/// A data set that is one number or one text; nothing if there is no such data set.
Result<std::optional<Hdf5Number>> ReadNumberDataset(hid_t file, const char* path);
Result<std::optional<std::string>> ReadTextDataset(hid_t file, const char* path);

/// Writes one text or number as an attribute.
Status WriteText(hid_t object, const char* attribute, const std::string& text);
Status WriteNumber(hid_t object, const char* attribute, double value);

}  // namespace carryall::files
