#pragma once

#include <vector>

#include "carryall/metadata/channel_file.h"

namespace carryall::backend::mock {

/// The channels there are when no file is given: a site-like set for H1 and L1 of some
/// 1,460 channels from 256 Hz to 32768 Hz, about 9 and 7 MB/s, noise but for one sine a
/// site.
std::vector<metadata::ChannelConfig> DefaultChannels();

}  // namespace carryall::backend::mock
