#include "analysis/lines/internal/suppressions.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace leakline::analysis {

namespace {

// What `heaptrack_print --print-suppressions` of 1.4 names for a recording in which each of many functions that keep
// memory for good has leaked.
constexpr std::array<std::string_view, 7> kOfHeaptrack = {"__nss_module_allocate", "__gconv_read_conf",  "__new_exitfn", "tzset_internal",
                                                          "dl_open_worker",        "g_main_context_new", "g_thread_self"};

// Whether text starts with pattern, where '*' in it stands for any characters; to_end: and ends with it.
bool starts_with(std::string_view text, std::string_view pattern, bool to_end) {
    // The usual greedy walk: on a mismatch the last '*' takes one character more.
    std::size_t t = 0, p = 0, star = std::string_view::npos, star_t = 0;
    for (;;) {
        if (p == pattern.size() && (!to_end || t == text.size())) return true;
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_t = t;
        } else if (p < pattern.size() && t < text.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos && star_t < text.size()) {
            p = star + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
}

}  // namespace

bool suppression_matches(std::string_view pattern, std::string_view text) {
    const bool from_start = pattern.starts_with('^');
    if (from_start) pattern.remove_prefix(1);
    const bool to_end = pattern.ends_with('$');
    if (to_end) pattern.remove_suffix(1);
    if (pattern.empty()) return false;
    if (from_start) return starts_with(text, pattern, to_end);
    if (!to_end && pattern.find('*') == std::string_view::npos) return text.find(pattern) != std::string_view::npos;
    return starts_with(text, "*" + std::string(pattern), to_end);
}

std::int64_t suppressed_bytes(const HeapProfile& profile, const std::vector<std::int64_t>& live_bytes) {
    std::vector<bool> of_string(profile.strings.size() + 1, false);
    for (std::size_t i = 0; i < profile.strings.size(); ++i) {
        const auto matches = [&](std::string_view pattern) { return suppression_matches(pattern, profile.strings[i]); };
        of_string[i + 1] = std::any_of(kOfHeaptrack.begin(), kOfHeaptrack.end(), matches) ||
                           std::any_of(profile.suppressions.begin(), profile.suppressions.end(), matches);
    }
    if (std::find(of_string.begin(), of_string.end(), true) == of_string.end()) return 0;
    std::vector<bool> of_ip(profile.ips.size() + 1, false);
    for (std::size_t i = 0; i < profile.ips.size(); ++i) {
        const InstructionPointer& ip = profile.ips[i];
        bool matches = of_string[ip.module.value];
        for (std::uint32_t k = 0; k < ip.frame_count; ++k) {
            const Frame& frame = profile.frames[ip.first_frame + k];
            matches = matches || of_string[frame.function.value] || of_string[frame.file.value];
        }
        of_ip[i + 1] = matches;
    }
    std::int64_t bytes = 0;
    std::vector<bool> of_trace(profile.traces.size() + 1, false);
    for (std::size_t i = 0; i < profile.traces.size(); ++i) {  // a parent comes before its children
        const TraceNode& trace = profile.traces[i];
        of_trace[i + 1] = of_ip[trace.ip.value] || of_trace[trace.parent.value];
        if (of_trace[i + 1] && i < live_bytes.size()) bytes += live_bytes[i];
    }
    return bytes;
}

}  // namespace leakline::analysis
