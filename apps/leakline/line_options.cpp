#include "line_options.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "choice.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace leakline::cli {

void parse_window(const std::string& text, std::optional<Nanoseconds>& begin, std::optional<Nanoseconds>& end) {
    const std::size_t dots = text.find("..");
    const auto bad = [&](std::string_view why) {
        throw CLI::ValidationError("--window", fmt::format("'{}' {}; write it as 60s..5m, 60s.. or ..5m", printable(text), why));
    };
    if (dots == std::string::npos) bad("has no '..'");
    const auto read = [&](std::string_view part, std::optional<Nanoseconds>& time) {
        if (part.empty()) return;
        time = parse_duration(part);
        if (!time) bad(fmt::format("contains '{}', which is not a duration", printable(part)));
    };
    read(std::string_view(text).substr(0, dots), begin);
    read(std::string_view(text).substr(dots + 2), end);
    if (!begin && !end) bad("has neither a start nor an end");
    if (begin && end && *begin >= *end) bad("ends before it begins");
}

void add_frame_filters(CLI::App& app, std::vector<std::string>& skip, std::vector<std::string>& only) {
    app.add_option("--skip", skip, "Skip frames whose file or function contains TEXT")->type_name("TEXT");
    app.add_option("--only", only, "Attribute only to frames whose file or function contains TEXT")->type_name("TEXT");
}

void add_source_option(CLI::App& app, std::vector<std::string>& folders) {
    app.add_option("--source", folders, "Look for source files under DIR first")->type_name("DIR");
}

LineArguments::LineArguments(CLI::App& app) {
    app.add_option("--function", options_.table_function, "Print the line table of this function (plain or qualified name)")
        ->type_name("NAME");
    app.add_option_function<std::string>(
           "--window", [this](const std::string& text) { parse_window(text, options_.window_begin, options_.window_end); },
           "Measure growth between these times since the start of the recording, such as 60s..5m (default: from the end of "
           "the first round, or the start, to the last measurement under load)")
        ->type_name("A..B");
    app.add_option_function<std::string>(
           "--by",
           [this](const std::string& by) {
               using enum GroupBy;
               options_.by = by == "function" ? function : by == "file" ? file : by == "process" ? process : line;
               if (by == "self") options_.attribution = analysis::Attribution::self;
           },
           "Group growth by line, function, file, or process (of a recording with --children each); self: by the innermost line, even of a library")
        ->check(one_of({"line", "function", "file", "process", "self"}))
        ->type_name("GROUP")
        ->default_str("line");
    app.add_option("--attribution", options_.attribution,
                   "Attribute an allocation to the innermost line of user code (user) or to the innermost line of any code (self)")
        ->transform(choice_of<analysis::Attribution>({{"user", analysis::Attribution::user_code}, {"self", analysis::Attribution::self}}))
        ->type_name("user|self")
        ->default_str("user");
    add_frame_filters(app, options_.skip, options_.only);
    add_source_option(app, sources_);
    app.parse_complete_callback([this] {
        // A table that was asked for by name comes alone.
        if (!options_.table_function.empty()) options_.tables = 0;
    });
}

void LineArguments::require_groups(const HeapProfile& profile, const std::string& file) const {
    if (options_.by == GroupBy::process && profile.processes.empty())
        throw Error(ErrorKind::input, file, "this recording has only the sum of all processes",
                    "record with leakline record --tracker agent --children each");
}

heap::ReadOptions LineArguments::read_options() const {
    heap::ReadOptions options;
    options.mark_interval = std::chrono::milliseconds(20);
    return options;
}

}  // namespace leakline::cli
