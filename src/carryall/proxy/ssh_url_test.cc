#include "carryall/proxy/ssh_url.h"

#include <gtest/gtest.h>

namespace carryall::proxy {
namespace {

TEST(SshUrl, HasADestinationAndMayHaveAServer) {
  const struct {
    const char *url, *destination, *server;
  } kCases[] = {
      {"ssh://host", "ssh://host", ""},
      {"ssh://me@login.example.org:2222", "ssh://me@login.example.org:2222", ""},
      {"ssh://host:", "ssh://host", ""},
      {"ssh://host::rhost", "ssh://host", "rhost"},
      {"ssh://host::rhost:5", "ssh://host", "rhost:5"},
      {"ssh://host:22::rhost", "ssh://host:22", "rhost"},
      {"ssh://me@host:22::10.0.0.1:31206", "ssh://me@host:22", "10.0.0.1:31206"},
      {"ssh://[::1]:22::[fe80::1]:5", "ssh://[::1]:22", "[fe80::1]:5"},
      {"ssh://[::1]::rhost", "ssh://[::1]", "rhost"},
  };
  for (const auto& [url, destination, server] : kCases) {
    const auto parsed = ParseSshUrl(url);
    ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
    EXPECT_EQ(parsed->destination, destination) << url;
    EXPECT_EQ(parsed->server, server) << url;
  }
}

TEST(SshUrl, NamesWhatIsWrong) {
  for (const char* url :
       {"ssh://", "ssh://@host", "ssh://me@", "ssh://-oProxyCommand=x", "ssh://me@-x",
        "ssh://a b", "ssh://host:port", "ssh://host:0", "ssh://host:70000",
        "ssh://host::", "ssh://host::a b", "ssh://host::r:0", "ssh://[::1",
        "ssh://host/path", "ssh://me:secret@host", "ssh://-me@host", "grpc://host"}) {
    const auto parsed = ParseSshUrl(url);
    ASSERT_FALSE(parsed.ok()) << url;
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kInvalidArgument) << url;
    EXPECT_NE(parsed.status().message().find(url), std::string::npos) << url;
  }
}

TEST(SshUrl, IsKnownByItsScheme) {
  EXPECT_TRUE(IsSshUrl("ssh://x"));
  EXPECT_FALSE(IsSshUrl("grpc://x"));
  EXPECT_FALSE(IsSshUrl("ssh"));
}

}  // namespace
}  // namespace carryall::proxy
