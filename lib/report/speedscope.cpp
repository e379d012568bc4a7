// speedscope's file format (https://www.speedscope.app/file-format-schema.json): one sampled profile, a
// sample per stack, weighted by its growth in bytes. Only growth: a weight cannot be negative.
#include <map>
#include <nlohmann/json.hpp>

#include "report/internal/renderers.hpp"
#include "report/internal/stacks.hpp"

namespace leakline::report {

std::string render_speedscope(const Document& document, const RenderOptions&) {
    using Json = nlohmann::ordered_json;
    const LineReport& report = lines_of(document, "speedscope");

    Json frames = Json::array(), samples = Json::array(), weights = Json::array();
    std::map<CodeLine, std::size_t> index;
    std::int64_t total = 0;
    for (const LineStack& stack : stacks_of(report)) {
        if (stack.bytes <= 0) continue;
        Json sample = Json::array();  // root first
        for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
            const auto [place, fresh] = index.try_emplace(*frame, index.size());
            if (fresh) {
                Json entry = {{"name", frame->function.empty() ? frame_text(*frame) : frame->function}};
                if (!frame->file.empty()) entry["file"] = frame->file;
                if (frame->line != 0) entry["line"] = frame->line;
                frames.push_back(std::move(entry));
            }
            sample.push_back(place->second);
        }
        samples.push_back(std::move(sample));
        weights.push_back(stack.bytes);
        total += stack.bytes;
    }
    const std::string name = "growth of live heap bytes" + (report.command.empty() ? "" : ": " + report.command);
    Json out = {{"$schema", "https://www.speedscope.app/file-format-schema.json"},
                {"exporter", "leakline"},
                {"name", name},
                {"activeProfileIndex", 0},
                {"shared", {{"frames", std::move(frames)}}}};
    Json profile = {{"type", "sampled"},
                    {"name", name},
                    {"unit", "bytes"},
                    {"startValue", 0},
                    {"endValue", total},
                    {"samples", std::move(samples)},
                    {"weights", std::move(weights)}};
    out["profiles"] = Json::array({std::move(profile)});
    return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::report
