#include "analysis/lines_attribution.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <unordered_map>

#include "analysis/function_name.hpp"

namespace leakline::analysis {

namespace {

bool contains_any(std::string_view text, const std::vector<std::string>& parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const std::string& part) { return text.find(part) != text.npos; });
}

class Sites {
  public:
    Sites(const HeapProfile& profile, const LineOptions& options) : profile_(profile), options_(options) {}

    // The innermost eligible frame of an instruction pointer.
    std::uint32_t frame_of(IpId ip, bool user_code_only) {
        if (ip.value == 0 || ip.value > profile_.ips.size()) return kNoSite;
        const InstructionPointer& at = profile_.ips[ip.value - 1];
        const std::size_t end =
            std::min<std::size_t>(profile_.frames.size(), std::size_t{at.first_frame} + at.frame_count);
        for (std::size_t i = at.first_frame; i < end; ++i)
            if (eligible(profile_.frames[i], at.module, user_code_only)) return static_cast<std::uint32_t>(i);
        return kNoSite;
    }

    // Many traces share a frame: its site is looked up once.
    std::uint32_t site_of(std::uint32_t frame_index, bool user_code) {
        const auto [known, fresh] = site_of_frame_.try_emplace(frame_index, kNoSite);
        if (fresh) known->second = find_site(frame_index);
        sites[known->second].user_code |= user_code;
        return known->second;
    }

    std::vector<Site> sites;

  private:
    std::uint32_t find_site(std::uint32_t frame_index) {
        const Frame& frame = profile_.frames[frame_index];
        const std::string& file = normal(frame.file);
        const std::string& function = profile_.string(frame.function);
        Key key{file, {}, 0};
        if (options_.by == GroupBy::line) key.line = frame.line;
        if (options_.by == GroupBy::function) key.function = qualified_name(function);
        const auto [place, fresh] = index_.try_emplace(key, static_cast<std::uint32_t>(sites.size()));
        if (fresh) sites.push_back({{{}, file, key.line}, false});
        Site& site = sites[place->second];
        // Of several spellings of a name the longest says most: with parameters, with its namespace.
        if (options_.by != GroupBy::file && function.size() > site.at.function.size())
            site.at.function = function;
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

    bool eligible(const Frame& frame, StringId module, bool user_code_only) {
        const std::string& file = profile_.string(frame.file);
        const std::string& function = profile_.string(frame.function);
        if (options_.by == GroupBy::function ? function.empty() : file.empty()) return false;
        if (options_.by == GroupBy::line && frame.line == 0) return false;
        if (contains_any(file, options_.skip) || contains_any(function, options_.skip)) return false;
        if (!options_.only.empty())
            return contains_any(file, options_.only) || contains_any(function, options_.only);
        return !user_code_only || is_user_code(file, profile_.string(module));
    }

    const HeapProfile& profile_;
    const LineOptions& options_;
    std::map<Key, std::uint32_t> index_;
    std::unordered_map<std::uint32_t, std::uint32_t> site_of_frame_;
    std::unordered_map<std::uint32_t, std::string> normal_;
};

}  // namespace

bool is_user_code(std::string_view file, std::string_view module) {
    static constexpr std::array<std::string_view, 5> kSystemRoots = {
        "/usr/include/", "/usr/lib/", "/usr/local/include/", "/usr/share/", "/opt/rh/"};
    // The standard libraries' headers wherever a toolchain keeps them, and the C runtime's own start-up code.
    static constexpr std::array<std::string_view, 6> kRuntimeParts = {
        "/include/c++/", "/c++/v1/", "libstdc++-v3/", "sysdeps/", "/glibc-", "../csu/"};
    for (std::string_view root : kSystemRoots)
        if (file.starts_with(root)) return false;
    for (std::string_view part : kRuntimeParts)
        if (file.find(part) != file.npos) return false;
    for (std::string_view root : {"/lib/", "/lib64/", "/lib32/", "/usr/lib/", "/usr/lib64/", "/usr/lib32/"})
        if (module.starts_with(root) && module.find(".so") != module.npos) return false;
    return true;
}

std::string normal_path(std::string_view file) {
    return std::filesystem::path(file).lexically_normal().string();
}

TraceAttribution attribute_traces(const HeapProfile& profile, const LineOptions& options) {
    Sites sites(profile, options);
    const std::size_t ip_count = profile.ips.size(), trace_count = profile.traces.size();
    std::vector<std::uint32_t> user_frame(ip_count), any_frame(ip_count);
    const bool self = options.attribution == Attribution::self;
    for (std::size_t i = 0; i < ip_count; ++i) {
        const IpId ip{static_cast<std::uint32_t>(i + 1)};
        any_frame[i] = sites.frame_of(ip, false);
        user_frame[i] = self ? any_frame[i] : sites.frame_of(ip, true);
    }

    // A trace's answer is its own frame's, else its parent's: parents come first, so one pass does.
    struct Found {
        std::uint32_t frame = kNoSite;
        TraceId node;
    };
    std::vector<Found> user(trace_count), any(trace_count);
    TraceAttribution result;
    result.site_of_trace.assign(trace_count, kNoSite);
    result.line_of_trace.assign(trace_count, 0);
    result.frame_of_trace.assign(trace_count, kNoSite);
    result.node_of_trace.assign(trace_count, {});
    for (std::size_t t = 0; t < trace_count; ++t) {
        const TraceNode& node = profile.traces[t];
        const TraceId self_id{static_cast<std::uint32_t>(t + 1)};
        const bool has_parent = node.parent.value != 0 && node.parent.value <= t;
        const auto inherit = [&](std::vector<Found>& found, const std::vector<std::uint32_t>& frames) {
            if (node.ip.value != 0 && node.ip.value <= ip_count && frames[node.ip.value - 1] != kNoSite)
                found[t] = {frames[node.ip.value - 1], self_id};
            else if (has_parent)
                found[t] = found[node.parent.value - 1];
        };
        inherit(user, user_frame);
        inherit(any, any_frame);
        const bool in_user_code = user[t].frame != kNoSite;
        const Found& found = in_user_code ? user[t] : any[t];
        if (found.frame == kNoSite) continue;
        const StringId module = profile.ips[profile.traces[found.node.value - 1].ip.value - 1].module;
        const Frame& frame = profile.frames[found.frame];
        const bool user_code =
            self ? is_user_code(profile.string(frame.file), profile.string(module)) : in_user_code;
        result.site_of_trace[t] = sites.site_of(found.frame, user_code);
        result.line_of_trace[t] = frame.line;
        result.frame_of_trace[t] = found.frame;
        result.node_of_trace[t] = found.node;
    }
    result.sites = std::move(sites.sites);
    return result;
}

}  // namespace leakline::analysis
