#include "report/internal/stacks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

// Represents code without a source line: its bytes belong to every total.
const CodeLine kUnattributed{"[no source line]", "", 0};

void walk(const std::vector<CallerNode>& callers, LineStack rest, std::vector<CodeLine>& frames, std::vector<LineStack>& out) {
    for (const CallerNode& caller : callers) {
        rest.bytes -= caller.growth_bytes;
        rest.blocks -= caller.growth_blocks;
        // A stored report of an older version has no counts of callers: unknown counts are not subtracted.
        rest.allocations -= std::min(rest.allocations, caller.allocations);
        rest.allocated_bytes -= std::min(rest.allocated_bytes, caller.allocated_bytes);
    }
    if (rest.bytes != 0 || rest.blocks != 0 || rest.allocations != 0) {
        rest.frames = frames;
        out.push_back(rest);
    }
    for (const CallerNode& caller : callers) {
        frames.push_back(caller.at);
        walk(caller.callers, {{}, caller.growth_bytes, caller.growth_blocks, caller.allocations, caller.allocated_bytes}, frames, out);
        frames.pop_back();
    }
}

}  // namespace

std::vector<LineStack> stacks_of(const LineReport& report) {
    std::vector<LineStack> out;
    std::vector<CodeLine> frames;
    for (const LineGrowth& line : report.lines) {
        frames = {line.at};
        walk(line.callers, {{}, line.growth_bytes, line.live_last_blocks - line.live_first_blocks, line.allocations, line.allocated_bytes},
             frames, out);
    }
    if (report.accounting.unattributed_bytes != 0) {
        LineStack rest;
        rest.frames = {kUnattributed};
        rest.bytes = report.accounting.unattributed_bytes;
        out.push_back(rest);
    }
    return out;
}

const LineReport& lines_of(const Document& document, std::string_view format) {
    if (const auto* lines = std::get_if<LineReport>(&document)) return *lines;
    if (const auto* diagnosis = diagnosis_in(document)) return diagnosis->lines;
    require_form(format_named(format), form_of(document));
    throw Error(ErrorKind::usage, "", fmt::format("there is no {} form of this document", format));
}

std::string frame_text(const CodeLine& frame) {
    std::string place(file_name(frame.file));
    if (frame.line != 0) place += ":" + std::to_string(frame.line);
    if (place.empty()) return frame.function.empty() ? "[unknown]" : frame.function;
    return frame.function.empty() ? place : fmt::format("{} ({})", frame.function, place);
}

}  // namespace leakline::report
