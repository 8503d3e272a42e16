#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "output.h"

namespace carryall::apps {

/// Writes JSON as Python's json module lays it out: on one line, or with an indent of
/// four. The caller keeps to the grammar. One thread.
class JsonWriter {
 public:
  JsonWriter(Output* out, bool pretty) : out_(out), pretty_(pretty) {}

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }
  void Key(std::string_view key);
  void Text(std::string_view text);
  void Integer(int64_t value);
  /// A value that is JSON already.
  void Raw(std::string_view json);
  /// Ends the document with a line break.
  void Finish() { out_->Append("\n"); }

 private:
  void Begin(char bracket);
  void End(char bracket);
  void NextItem();
  void NewLine();

  Output* out_;
  bool pretty_;
  int depth_ = 0;
  bool first_ = true;  // in the innermost bracket
  bool after_key_ = false;
};

}  // namespace carryall::apps
