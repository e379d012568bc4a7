// Which recorded traffic is sent, and how: the options that every command with a request log shares. Declared here alone, so
// that a service that `replay` can reach can be diagnosed too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli11_names.hpp"
#include "replay/replay.hpp"

namespace leakline::cli {

class TrafficOptions {
  public:
    // reading: how logs are read and what of them is taken and changed. sending: also how it goes to a service.
    enum class Scope { reading, sending };

    // Adds the options to app, which writes them into options as it parses. Both live as long as app. pace: the default.
    TrafficOptions(CLI::App& app, replay::ReplayOptions& options, Scope scope, std::string pace = "recorded");
    TrafficOptions(const TrafficOptions&) = delete;
    TrafficOptions& operator=(const TrafficOptions&) = delete;

    // The logs as words behind the command's name.
    void add_logs(CLI::App& app);
    // Once, after parsing: fills in what is more than a word or a number. Throws Error{usage}.
    void apply();

    // As they were typed, for messages; nothing where they were not.
    const std::string& pace() const { return pace_; }
    bool own_pace() const { return pace_ != default_pace_ || speed_ != "1x"; }
    const std::string& expected_statuses() const { return expect_; }

  private:
    void add_reading(CLI::App& app);
    void add_shaping(CLI::App& app);
    void add_sending(CLI::App& app);
    void apply_headers();
    void apply_fresh();
    void apply_values();

    replay::ReplayOptions& options_;
    const std::string default_pace_;
    std::string pace_, speed_ = "1x", key_, session_, shard_, expect_;
    std::vector<std::string> allow_paths_, deny_paths_, rewrites_, headers_, fresh_, extract_, substitute_;
    std::optional<double> max_failures_, max_bad_share_;
    bool connection_per_request_ = false, no_fresh_ = false;
};

}  // namespace leakline::cli
