#include "bindings/kafka_consumer.h"

#include <arrow/python/pyarrow.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "bindings/blocking.h"
#include "carryall/kafka/consumer.h"

namespace carryall::python {
namespace {

namespace nb = nanobind;
using OptionalNs = std::optional<int64_t>;
using Names = std::vector<std::string>;

kafka::Wait WaitFor(int64_t timeout_ns) {
  kafka::Wait wait = kafka::Wait::For(Duration::FromNs(timeout_ns));
  wait.poll = Interruptible().poll;
  return wait;
}

nb::object TextOf(const Status& status) {
  if (status.ok()) return nb::none();
  const std::string& text = status.message();
  return nb::str(text.data(), text.size());
}

/// kafka::Consumer with Python's values at its edges. Topics are known by their names.
class PythonConsumer {
 public:
  PythonConsumer(std::string brokers, const nb::dict& properties) {
    kafka::ConsumerOptions options;
    options.cluster.brokers = std::move(brokers);
    for (const auto [name, value] : properties) {
      options.cluster.properties.emplace_back(nb::cast<std::string>(name),
                                              nb::cast<std::string>(value));
    }
    core_ = Blocking([&] { return kafka::Consumer::Make(options); });
  }
  PythonConsumer(const PythonConsumer&) = delete;
  PythonConsumer& operator=(const PythonConsumer&) = delete;
  ~PythonConsumer() {
    const nb::gil_scoped_release no_gil;  // it joins threads
    core_.reset();
  }

  nb::list Assign(const Names& topics, OptionalNs from_ns, bool oldest,
                  int64_t timeout_ns) {
    const kafka::Position from = from_ns  ? kafka::Position::At(GpsTime::FromNs(*from_ns))
                                 : oldest ? kafka::Position::Oldest()
                                          : kafka::Position::End();
    std::vector<kafka::Assignment> assignments;
    for (const std::string& topic : topics) {
      if (std::find(topics_.begin(), topics_.end(), topic) == topics_.end()) {
        topics_.push_back(topic);
      }
      const auto at = std::find(topics_.begin(), topics_.end(), topic) - topics_.begin();
      assignments.push_back({topic, from, static_cast<uint64_t>(at)});
    }
    const auto starts =
        Blocking([&] { return core_->Assign(assignments, WaitFor(timeout_ns)); });
    nb::list out;
    for (const kafka::Start& start : starts) {
      out.append(nb::make_tuple(start.offset, start.watermarks.end,
                                TextOf(start.watermarks.status)));
    }
    return out;
  }

  nb::tuple Poll(size_t most, int64_t timeout_ns) {
    kafka::Polled polled;
    Blocking([&] { return core_->Poll(most, &polled, WaitFor(timeout_ns)); });
    nb::list messages, errors;
    for (kafka::Message& message : polled.messages) {
      const std::string& topic = topics_[message.tag()];
      auto value = kafka::Message::IntoBuffer(std::move(message));
      messages.append(nb::make_tuple(
          topic, Checked(Ref::Take(arrow::py::wrap_buffer(std::move(value))))));
    }
    for (const kafka::TopicEvent& event : polled.events) {
      if (event.kind == kafka::TopicEvent::Kind::kEnd) continue;
      errors.append(nb::make_tuple(topics_[event.tag], TextOf(event.status)));
    }
    return nb::make_tuple(messages, errors);
  }

  nb::list Watermarks(const Names& topics, int64_t timeout_ns) {
    const auto found =
        Blocking([&] { return core_->QueryWatermarks(topics, WaitFor(timeout_ns)); });
    nb::list out;
    for (const kafka::Watermarks& marks : found) {
      out.append(nb::make_tuple(marks.oldest, marks.end, TextOf(marks.status)));
    }
    return out;
  }

  int64_t NextOffset(const std::string& topic) const { return core_->NextOffset(topic); }

 private:
  std::unique_ptr<kafka::Consumer> core_;
  Names topics_;  // by tag
};

}  // namespace

void BindKafkaConsumer(nb::module_& m) {
  using nb::arg;
  nb::class_<PythonConsumer>(m, "KafkaConsumer")
      .def(nb::init<std::string, nb::dict>(), arg("brokers"), arg("properties"))
      .def(
          "assign", &PythonConsumer::Assign, arg("topics"), arg("from_time").none(),
          arg("oldest"), arg("timeout"),
          "Reads topics from a GPS time in ns, from the oldest message, or from the end: "
          "(offset, end, error or None) of each.")
      .def("poll", &PythonConsumer::Poll, arg("most"), arg("timeout"),
           "([(topic, message)], [(topic, error)]) once there is any, or empty.")
      .def("watermarks", &PythonConsumer::Watermarks, arg("topics"), arg("timeout"),
           "(oldest, end, error or None) of each topic.")
      .def(
          "next_offset", &PythonConsumer::NextOffset, arg("topic"),
          "The offset after the last message of a topic that poll gave; -1 if not read.");
}

}  // namespace carryall::python
