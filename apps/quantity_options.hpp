// Options whose values are quantities (sizes, durations, rates, growth), for every command: each is parsed while the
// command line is, so that a bad one is a usage error before anything starts.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/quantities.hpp"
#include "cli11_names.hpp"

namespace leakline::cli {

// A default stands in the help text as it would be typed. The variable is only written when the option is given.
CLI::Option* add_size(CLI::App& app, const std::string& names, std::optional<Bytes>& variable, const std::string& help);
// Above zero only, as the durations below.
CLI::Option* add_size(CLI::App& app, const std::string& names, Bytes& variable, const std::string& help);
CLI::Option* add_duration(CLI::App& app, const std::string& names, Nanoseconds& variable, const std::string& help);
CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<Nanoseconds>& variable, const std::string& help);
// A number without a unit is refused: "72" may be meant as hours.
CLI::Option* add_long_duration(CLI::App& app, const std::string& names, std::optional<Nanoseconds>& variable, const std::string& help);
CLI::Option* add_rate(CLI::App& app, const std::string& names, std::optional<double>& variable, const std::string& help);
CLI::Option* add_fraction(CLI::App& app, const std::string& names, std::optional<double>& variable, const std::string& help);
CLI::Option* add_growth(CLI::App& app, const std::string& names, std::optional<Growth>& variable, const std::string& help);

}  // namespace leakline::cli
