// The options that say which lines of a recording are meant: of lines and compare, and of what records by itself.
#pragma once

#include <string>
#include <vector>

#include "analysis/lines/lines.hpp"
#include "base/quantities.hpp"
#include "cli11_names.hpp"
#include "heap/profile_reader.hpp"

namespace leakline::cli {

// Adds --function, --window, --by, --attribution, --skip, --only, --source to a command. Must live until it
// has run.
class LineArguments {
  public:
    explicit LineArguments(CLI::App& app);
    LineArguments(const LineArguments&) = delete;
    LineArguments& operator=(const LineArguments&) = delete;

    const analysis::LineOptions& options() const { return options_; }
    // Marks dense enough for short recordings; they are thinned as a recording goes on.
    heap::ReadOptions read_options() const;
    const std::vector<std::string>& sources() const { return sources_; }
    // Throws Error{input} if the profile of this file cannot be grouped as asked for.
    void require_groups(const HeapProfile& profile, const std::string& file) const;

  private:
    analysis::LineOptions options_;
    std::vector<std::string> sources_;
};

// --skip and --only, and --source. The variables must live as long as app.
void add_frame_filters(CLI::App& app, std::vector<std::string>& skip, std::vector<std::string>& only);
void add_source_option(CLI::App& app, std::vector<std::string>& folders);

// "60s..5m", "60s..", "..300s": times since the start of a recording. Throws CLI::ValidationError.
void parse_window(const std::string& text, std::optional<Nanoseconds>& begin, std::optional<Nanoseconds>& end);

}  // namespace leakline::cli
