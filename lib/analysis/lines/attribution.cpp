#include "analysis/lines/internal/attribution.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <unordered_map>

#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/function_name.hpp"

namespace leakline::analysis {

namespace {

bool contains_any(std::string_view text, const std::vector<std::string>& parts) {
    return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return text.find(part) != text.npos; });
}

// What a trace may be attributed to, best first.
enum class Place {
    user_line,    // a line of user code
    user_symbol,  // a function of the user's program or library that has no debug info
    passed_over,  // a line that gets growth only if the stack has no other line of the user's (see CodeKind)
    user_module,  // the user's program or library itself, where it has no symbols either
    any_line,     // a line of the system, if the stack has nothing of the user's
};
constexpr std::array kPlaces{Place::user_line, Place::user_symbol, Place::passed_over, Place::user_module, Place::any_line};
// Instead of a frame's index, for code without a symbol.
constexpr std::uint32_t kNameless = kNoSite - 1;
constexpr Frame kNamelessFrame{};

class Sites {
  public:
    // kinds: of the profile's frames.
    Sites(const HeapProfile& profile, const LineOptions& options, const std::vector<CodeKind>& kinds)
        : profile_(profile), options_(options), runtimes_(runtime_modules(profile)), kinds_(kinds) {}

    // The innermost frame of an instruction pointer that the wanted kind of place takes; kNameless, kNoSite.
    std::uint32_t frame_of(const InstructionPointer& ip, Place wanted) const {
        const std::size_t end = std::min<std::size_t>(profile_.frames.size(), std::size_t{ip.first_frame} + ip.frame_count);
        if (wanted == Place::user_module) {
            for (std::size_t i = ip.first_frame; i < end; ++i)
                if (profile_.frames[i].function.value != 0 || profile_.frames[i].file.value != 0) return kNoSite;
            const bool user_code = !runtimes_.contains(ip.module.value) && is_user_code({}, profile_.string(ip.module));
            const CodeKind kind = user_code ? CodeKind::user : CodeKind::library;
            return eligible(kNamelessFrame, kind, ip.module, wanted) ? kNameless : kNoSite;
        }
        for (std::size_t i = ip.first_frame; i < end; ++i)
            if (eligible(profile_.frames[i], kinds_[i], ip.module, wanted)) return static_cast<std::uint32_t>(i);
        return kNoSite;
    }

    // Many traces share a frame: its site is looked up once. Frames without a file differ by their module.
    std::uint32_t site_of(std::uint32_t frame_index, StringId module, bool user_code) {
        const Frame& frame = this->frame(frame_index);
        const std::uint64_t key = std::uint64_t{frame_index} << 32 | (frame.file.value == 0 ? module.value : 0);
        const auto [known, fresh] = site_of_frame_.try_emplace(key, kNoSite);
        if (fresh) known->second = find_site(frame, module);
        sites[known->second].user_code |= user_code;
        return known->second;
    }

    const Frame& frame(std::uint32_t index) const { return index == kNameless ? kNamelessFrame : profile_.frames[index]; }

    std::vector<Site> sites;

  private:
    std::uint32_t find_site(const Frame& frame, StringId module) {
        const std::string& file = normal(frame.file.value != 0 ? frame.file : module);
        const std::string& function = profile_.string(frame.function);
        Key key{file, {}, 0};
        if (options_.by == GroupBy::line) key.line = frame.line;
        const bool by_function = options_.by == GroupBy::line && frame.file.value == 0;
        if (by_function || options_.by == GroupBy::function) key.function = qualified_name(function);
        const auto [place, fresh] = index_.try_emplace(key, static_cast<std::uint32_t>(sites.size()));
        if (fresh) sites.push_back({{{}, file, key.line}, false});
        Site& site = sites[place->second];
        // Of several spellings of a name the longest is the most specific: with parameters and namespace.
        if (options_.by != GroupBy::file && function.size() > site.at.function.size()) site.at.function = function;
        return place->second;
    }

    struct Key {
        std::string file, function;
        std::uint32_t line;
        auto operator<=>(const Key&) const = default;
    };

    const std::string& normal(StringId file) {
        const auto [place, fresh] = normal_.try_emplace(file.value);
        if (fresh) place->second = normal_path(profile_.string(file));
        return place->second;
    }

    bool eligible(const Frame& frame, CodeKind kind, StringId module, Place wanted) const {
        const std::string& module_path = profile_.string(module);
        const std::string& function = profile_.string(frame.function);
        const bool has_line = wanted == Place::user_line || wanted == Place::passed_over || wanted == Place::any_line;
        const std::string& file = has_line ? profile_.string(frame.file) : module_path;
        if (!has_line && frame.file.value != 0) return false;
        if (wanted == Place::user_symbol && (function.empty() || function == "_start")) return false;
        if (options_.by == GroupBy::function && has_line ? function.empty() : file.empty()) return false;
        if (options_.by == GroupBy::line && has_line && frame.line == 0) return false;
        if (contains_any(file, options_.skip) || contains_any(function, options_.skip)) return false;
        if (!options_.only.empty()) return contains_any(file, options_.only) || contains_any(function, options_.only);
        if (wanted == Place::any_line) return true;
        return kind == (wanted == Place::passed_over ? CodeKind::passed_over : CodeKind::user);
    }

    const HeapProfile& profile_;
    const LineOptions& options_;
    const std::map<std::uint32_t, Runtime> runtimes_;
    const std::vector<CodeKind>& kinds_;
    std::map<Key, std::uint32_t> index_;
    std::unordered_map<std::uint64_t, std::uint32_t> site_of_frame_;
    std::unordered_map<std::uint32_t, std::string> normal_;
};

}  // namespace

std::string normal_path(std::string_view file) { return std::filesystem::path(file).lexically_normal().string(); }

namespace {

// Each trace belongs to the process whose frame is its outermost one.
TraceAttribution attribute_to_processes(const HeapProfile& profile) {
    const std::size_t trace_count = profile.traces.size();
    TraceAttribution result;
    result.kind_of_frame = kinds_of_code(profile);
    result.site_of_trace.assign(trace_count, kNoSite);
    result.line_of_trace.assign(trace_count, 0);
    result.frame_of_trace.assign(trace_count, kNoSite);
    result.node_of_trace.assign(trace_count, {});
    std::unordered_map<std::uint32_t, std::uint32_t> sites;  // by ip
    for (const IpId ip : profile.processes) {
        if (ip.value == 0 || ip.value > profile.ips.size() || !sites.try_emplace(ip.value, result.sites.size()).second) continue;
        const std::uint32_t frame = profile.ips[ip.value - 1].first_frame;
        // A name, not a function: a function without a file would be said to have no debug info.
        result.sites.push_back({{{}, frame < profile.frames.size() ? profile.string(profile.frames[frame].function) : "", 0}, true});
    }
    // Parents come first.
    for (std::size_t t = 0; t < trace_count; ++t) {
        const TraceNode& node = profile.traces[t];
        const std::uint32_t parent = node.parent.value;
        if (parent != 0 && parent <= t) {
            result.site_of_trace[t] = result.site_of_trace[parent - 1];
            result.node_of_trace[t] = result.node_of_trace[parent - 1];
        } else if (const auto site = sites.find(node.ip.value); site != sites.end()) {
            result.site_of_trace[t] = site->second;
            result.node_of_trace[t] = TraceId{static_cast<std::uint32_t>(t + 1)};
        }
    }
    return result;
}

}  // namespace

TraceAttribution attribute_traces(const HeapProfile& profile, const LineOptions& options) {
    if (options.by == GroupBy::process) return attribute_to_processes(profile);
    TraceAttribution result;
    result.kind_of_frame = kinds_of_code(profile);
    Sites sites(profile, options, result.kind_of_frame);
    const std::size_t ip_count = profile.ips.size(), trace_count = profile.traces.size();
    const bool self = options.attribution == Attribution::self;
    struct Found {
        Place place = Place::any_line;
        std::uint32_t frame = kNoSite;
        TraceId node;
    };
    std::vector<Found> of_ip;
    of_ip.reserve(ip_count);
    for (const InstructionPointer& ip : profile.ips) {
        Found& best = of_ip.emplace_back();
        for (const Place place : kPlaces) {
            if (self && place != Place::any_line) continue;
            best = {place, sites.frame_of(ip, place), {}};
            if (best.frame != kNoSite) break;
        }
    }

    // A trace's answer is its own place, unless its parent's is a better one. Parents come first, so one pass does.
    std::vector<Found> of_trace(trace_count);
    result.site_of_trace.assign(trace_count, kNoSite);
    result.line_of_trace.assign(trace_count, 0);
    result.frame_of_trace.assign(trace_count, kNoSite);
    result.node_of_trace.assign(trace_count, {});
    for (std::size_t t = 0; t < trace_count; ++t) {
        const TraceNode& node = profile.traces[t];
        Found& found = of_trace[t];
        if (node.parent.value != 0 && node.parent.value <= t) found = of_trace[node.parent.value - 1];
        if (node.ip.value != 0 && node.ip.value <= ip_count) {
            const Found& own = of_ip[node.ip.value - 1];
            if (own.frame != kNoSite && (found.frame == kNoSite || own.place <= found.place))
                found = {own.place, own.frame, TraceId{static_cast<std::uint32_t>(t + 1)}};
        }
        if (found.frame == kNoSite) continue;
        const StringId module = profile.ips[profile.traces[found.node.value - 1].ip.value - 1].module;
        const Frame& frame = sites.frame(found.frame);
        const bool user_code = self ? is_user_code(profile.string(frame.file), profile.string(module)) : found.place != Place::any_line;
        result.site_of_trace[t] = sites.site_of(found.frame, module, user_code);
        result.line_of_trace[t] = frame.line;
        result.frame_of_trace[t] = found.frame == kNameless ? kNoSite : found.frame;
        result.node_of_trace[t] = found.node;
    }
    result.sites = std::move(sites.sites);
    return result;
}

}  // namespace leakline::analysis
