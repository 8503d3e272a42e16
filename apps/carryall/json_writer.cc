#include "json_writer.h"

#include "carryall/wire/json_text.h"

namespace carryall::apps {

void JsonWriter::Key(std::string_view key) {
  NextItem();
  std::string text;
  wire::AppendJsonText(key, &text);
  out_->Append(text);
  out_->Append(": ");
  after_key_ = true;
}

void JsonWriter::Text(std::string_view text) {
  std::string json;
  wire::AppendJsonText(text, &json);
  Raw(json);
}

void JsonWriter::Integer(int64_t value) { Raw(std::to_string(value)); }

void JsonWriter::Raw(std::string_view json) {
  NextItem();
  out_->Append(json);
}

void JsonWriter::Begin(char bracket) {
  NextItem();
  out_->Append(std::string_view(&bracket, 1));
  ++depth_;
  first_ = true;
}

void JsonWriter::End(char bracket) {
  --depth_;
  if (!first_) NewLine();
  out_->Append(std::string_view(&bracket, 1));
  first_ = false;
}

void JsonWriter::NextItem() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (depth_ == 0) return;
  if (!first_) out_->Append(pretty_ ? "," : ", ");
  first_ = false;
  NewLine();
}

void JsonWriter::NewLine() {
  if (!pretty_) return;
  out_->Append("\n");
  out_->Append(std::string(static_cast<size_t>(depth_) * 4, ' '));
}

}  // namespace carryall::apps
