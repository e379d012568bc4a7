// Alerts of `leakline sample`: each process or cgroup that is sampled against its own limit.
// One object, one thread; observing never waits for a channel.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>

#include "alert_options.hpp"
#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "model/memory.hpp"

namespace leakline::cli {

class SampleAlerts {
  public:
    // Throws Error{usage} for settings that could never work. Without --alert-at nothing is ever sent.
    SampleAlerts(const AlertSettings& settings, std::optional<Bytes> memory_limit, const std::stop_token& stop);
    void observe(const memory::Subject& subject, const MemorySample& sample);

  private:
    struct Watched {
        std::unique_ptr<alert::MemoryMonitor> monitor;
        Bytes limit = 0;
    };
    static constexpr std::size_t kMax = 100;  // of a tree of thousands, the first

    Watched watch(const memory::Subject& subject) const;

    const AlertSettings settings_;
    const std::optional<Bytes> memory_limit_;
    const std::stop_token stop_;
    std::map<std::pair<int, std::string>, Watched> watched_;
};

}  // namespace leakline::cli
