// A line on standard error: journald, docker logs and a terminal all show it.
#include <fmt/format.h>

#include <cstdio>

#include "alert/internal/alert.hpp"
#include "base/time_text.hpp"

namespace leakline::alert {

namespace {

class Log : public Channel {
  public:
    void send(const Alert& alert, const std::stop_token&) override {
        // Standard error is this channel's medium, as a URL is another's; fwrite, since it may be closed.
        const std::string line = fmt::format("{} alert {}: {}\n", format_utc_time(alert.at), kind_name(alert.kind), alert.summary());
        std::fwrite(line.data(), 1, line.size(), stderr);
    }
    std::string describe() const override { return "log"; }
};

}  // namespace

std::unique_ptr<Channel> make_log_channel(const ChannelSpec&) { return std::make_unique<Log>(); }

}  // namespace leakline::alert
