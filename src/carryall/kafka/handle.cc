#include "carryall/kafka/handle.h"

#include <algorithm>
#include <string_view>

#include "carryall/base/log.h"

namespace carryall::kafka {

Result<std::string> PlainBrokers(const std::string& text) {
  constexpr std::string_view kScheme = "kafka://";
  std::string plain;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    std::string_view broker = rest.substr(0, comma);
    if (more) rest.remove_prefix(comma + 1);
    while (!broker.empty() && broker.front() == ' ') broker.remove_prefix(1);
    while (!broker.empty() && broker.back() == ' ') broker.remove_suffix(1);
    if (broker.starts_with(kScheme)) broker.remove_prefix(kScheme.size());
    if (broker.ends_with('/')) broker.remove_suffix(1);
    const auto is_strange = [](char c) { return c <= ' ' || c == '/' || c == 127; };
    if (broker.empty() || std::any_of(broker.begin(), broker.end(), is_strange)) {
      return Error(ErrorKind::kInvalidArgument,
                   "brokers must be host:port[,host:port...], not '{}'", text);
    }
    if (!plain.empty()) plain += ',';
    plain += broker;
  }
  return plain;
}

Status CheckFromServer(const Properties& properties) {
  for (const auto& [name, value] : properties) {
    for (const std::string_view refused :
         {"plugin.", "sasl.kerberos.", "ssl.engine.", "ssl.providers"}) {
      if (!name.starts_with(refused)) continue;
      return Error(ErrorKind::kPermissionDenied,
                   "a server may not set the Kafka property {}: it runs programs", name);
    }
  }
  return Status::OK();
}

Status Config::Set(const std::string& name, const std::string& value) {
  char reason[256] = "";
  if (rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), reason,
                        sizeof(reason)) != RD_KAFKA_CONF_OK) {
    return Error(ErrorKind::kInvalidArgument, "Kafka property {}: {}", name, reason);
  }
  return Status::OK();
}

Status Config::Set(const Properties& properties) {
  for (const auto& [name, value] : properties) ARROW_RETURN_NOT_OK(Set(name, value));
  return Status::OK();
}

Status Config::SetIfKnown(const std::string& name, const std::string& value) {
  size_t size = 0;
  if (rd_kafka_conf_get(conf_.get(), name.c_str(), nullptr, &size) ==
      RD_KAFKA_CONF_UNKNOWN) {
    return Status::OK();
  }
  return Set(name, value);
}

Result<std::shared_ptr<Handle>> Handle::Make(rd_kafka_type_t type, Config config,
                                             const ClusterOptions& cluster,
                                             EventSink sink) {
  ARROW_ASSIGN_OR_RAISE(std::string brokers, PlainBrokers(cluster.brokers));
  ARROW_RETURN_NOT_OK(config.Set("bootstrap.servers", brokers));
  ARROW_RETURN_NOT_OK(config.Set("client.id", cluster.client_id));
  ARROW_RETURN_NOT_OK(config.Set("socket.nagle.disable", "true"));
  ARROW_RETURN_NOT_OK(config.Set("socket.connection.setup.timeout.ms", "5000"));
  // A broker that comes back is found within a second.
  ARROW_RETURN_NOT_OK(config.Set("reconnect.backoff.ms", "50"));
  ARROW_RETURN_NOT_OK(config.Set("reconnect.backoff.max.ms", "500"));
  ARROW_RETURN_NOT_OK(config.Set("log.connection.close", "false"));
  ARROW_RETURN_NOT_OK(CheckFromServer(cluster.from_server));
  ARROW_RETURN_NOT_OK(config.Set(cluster.from_server));
  ARROW_RETURN_NOT_OK(config.Set(cluster.properties));
  size_t length = 0;
  rd_kafka_conf_get(config.get(), "bootstrap.servers", nullptr, &length);
  brokers.resize(length);
  rd_kafka_conf_get(config.get(), "bootstrap.servers", brokers.data(), &length);
  brokers.resize(length - 1);

  std::shared_ptr<Handle> handle(new Handle(std::move(brokers), std::move(sink)));
  rd_kafka_conf_set_opaque(config.get(), handle.get());
  rd_kafka_conf_set_log_cb(config.get(), &Handle::OnLog);
  if (handle->sink_) {
    rd_kafka_conf_set_events(config.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_background_event_cb(config.get(), &Handle::OnEvent);
  } else {
    rd_kafka_conf_set_error_cb(config.get(), &Handle::OnError);
  }
  char reason[512] = "";
  handle->rk_ = rd_kafka_new(type, config.get(), reason, sizeof(reason));
  if (handle->rk_ == nullptr) {
    return Error(ErrorKind::kInvalidArgument, "no Kafka client for {}: {}",
                 handle->brokers_, reason);
  }
  config.release();
  if (handle->sink_) {
    const QueuePtr events(rd_kafka_queue_get_main(handle->rk_));
    const QueuePtr background(rd_kafka_queue_get_background(handle->rk_));
    rd_kafka_queue_forward(events.get(), background.get());
  }
  return handle;
}

Handle::~Handle() {
  if (rk_ != nullptr) rd_kafka_destroy_flags(rk_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Handle::OnError(rd_kafka_t*, int code, const char* reason, void* opaque) {
  static_cast<Handle*>(opaque)->NoteError(static_cast<rd_kafka_resp_err_t>(code), reason);
}

void Handle::OnEvent(rd_kafka_t*, rd_kafka_event_t* event, void* opaque) {
  const EventPtr owned(event);
  auto* handle = static_cast<Handle*>(opaque);
  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
    handle->NoteError(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
  } else {
    handle->sink_(event);
  }
}

void Handle::OnLog(const rd_kafka_t*, int level, const char* facility, const char* text) {
  constexpr int kSyslogNotice = 5, kSyslogInfo = 6;
  Log(level < kSyslogNotice  ? LogLevel::kWarning
      : level <= kSyslogInfo ? LogLevel::kInfo
                             : LogLevel::kDebug,
      "kafka: {}: {}", facility, text);
}

void Handle::NoteError(rd_kafka_resp_err_t code, const char* reason) {
  broker_errors_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  troubled_.store(true, std::memory_order_relaxed);
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    unreachable_.store(true, std::memory_order_relaxed);
    // The report before it says why.
    if (last_code_ != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  }
  last_code_ = code;
  last_reason_ = reason == nullptr ? "" : reason;
}

void Handle::ForgetErrors() {
  const std::lock_guard lock(mutex_);
  troubled_.store(false, std::memory_order_relaxed);
  unreachable_.store(false, std::memory_order_relaxed);
  last_code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  last_reason_.clear();
}

Status Handle::TimedOut(std::string_view doing, Duration waited) const {
  const std::lock_guard lock(mutex_);
  if (last_code_ != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return KafkaError(last_code_, doing, At(), last_reason_);
  }
  return Error(ErrorKind::kTimeout, "{}: no answer within {} ({})", doing,
               ToString(waited), brokers_);
}

Result<EventPtr> NextEvent(Handle* handle, rd_kafka_queue_t* queue,
                           std::string_view doing, const Wait& wait) {
  const SteadyTime began = SteadyNow();
  for (;;) {
    if (EventPtr event(rd_kafka_queue_poll(queue, wait.SliceMs())); event != nullptr) {
      return event;
    }
    handle->ServeErrors();
    ARROW_RETURN_NOT_OK(wait.Check());
    if (wait.Over()) {
      return handle->TimedOut(doing, Duration::FromNs((SteadyNow() - began).count()));
    }
  }
}

}  // namespace carryall::kafka
