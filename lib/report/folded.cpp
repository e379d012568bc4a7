// Folded stacks, for flamegraph.pl and compatible tools: "root;caller;line bytes", one line per stack. Only
// growth: a flame graph has no negative widths.
#include <algorithm>
#include <map>

#include "base/strings.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/stacks.hpp"

namespace leakline::report {

namespace {

// ';' separates frames and a line end separates stacks.
std::string folded_frame(const CodeLine& frame) {
    std::string text = printable(frame_text(frame));
    std::replace(text.begin(), text.end(), ';', ':');
    return text;
}

}  // namespace

std::string render_folded(const Document& document, const RenderOptions&) {
    std::map<std::string, std::int64_t> growth;  // equal texts are one stack
    for (const LineStack& stack : stacks_of(lines_of(document, "folded"))) {
        std::string path;
        for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame)
            path += (path.empty() ? "" : ";") + folded_frame(*frame);
        growth[path] += stack.bytes;
    }
    std::string out;
    for (const auto& [path, bytes] : growth)
        if (bytes > 0) out += path + " " + std::to_string(bytes) + "\n";
    return out;
}

}  // namespace leakline::report
