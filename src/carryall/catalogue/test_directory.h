#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace carryall::catalogue {

/// A test with a fresh directory, in memory where that can be, removed afterwards.
class DirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const bool memory = access("/dev/shm", W_OK | X_OK) == 0;
    path_ = (memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) +
            "/carryall-catalogue-XXXXXX";
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string File(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }
  std::string Write(std::string_view name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(File(name)).parent_path());
    std::ofstream(File(name)) << text;
    return File(name);
  }

  std::string path_;
};

}  // namespace carryall::catalogue
