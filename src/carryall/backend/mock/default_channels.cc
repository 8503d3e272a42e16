#include "carryall/backend/mock/default_channels.h"

#include <string>

namespace carryall::backend::mock {
namespace {

/// `count` channels "<site>:<stem>_<n>".
struct Group {
  const char* stem;
  int h1, l1;
  int hz;
  DataType type;
};

constexpr Group kGroups[] = {
    {"CAL-STRAIN", 2, 2, 16384, DataType::kFloat64},
    {"CAL-DELTAL_EXTERNAL", 1, 1, 16384, DataType::kFloat64},
    {"LSC-FAST_MONITOR", 1, 1, 32768, DataType::kFloat32},
    {"LSC-CONTROL_OUT", 66, 50, 16384, DataType::kFloat32},
    {"ASC-SENSOR_PIT", 30, 22, 4096, DataType::kFloat32},
    {"PEM-ACCELEROMETER", 58, 50, 8192, DataType::kFloat32},
    {"SUS-OPTIC_COIL", 120, 100, 2048, DataType::kFloat32},
    {"ISI-PLATFORM_MOTION", 180, 166, 512, DataType::kFloat32},
    {"PSL-SERVO_READBACK", 154, 140, 256, DataType::kFloat32},
    {"HPI-ACTUATOR_FORCE", 158, 158, 256, DataType::kFloat32},
};

}  // namespace

std::vector<metadata::ChannelConfig> DefaultChannels() {
  std::vector<metadata::ChannelConfig> out;
  for (const bool l1 : {false, true}) {
    const std::string site = l1 ? "L1" : "H1";
    for (const Group& group : kGroups) {
      for (int i = 0; i < (l1 ? group.l1 : group.h1); ++i) {
        metadata::ChannelConfig config;
        config.file = "default channels";
        config.channel.name = fmt::format("{}:{}_{:03d}", site, group.stem, i);
        config.channel.data_type = group.type;
        config.channel.sample_rate = SampleRate::Make(group.hz).ValueOrDie();
        config.channel.publisher = "MOCK_" + site;
        config.channel.stride = Duration::FromNs(62'500'000);
        config.channel.max_latency = Duration::FromSeconds(1);
        if (out.empty() || (l1 && i == 0 && group.stem == kGroups[0].stem)) {
          config.extras["func"] = "sin(2*pi*t)";
        }
        out.push_back(std::move(config));
      }
    }
  }
  return out;
}

}  // namespace carryall::backend::mock
