#include "heap/internal/v8_profile.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/json_scan.hpp"
#include "base/strings.hpp"
#include "system/procfs.hpp"

namespace leakline::heap {

namespace {

constexpr int kMaxDepth = 2000;
constexpr std::uint64_t kLargestSize = std::uint64_t{1} << 40;  // sums of them do not overflow

bool take_size(JsonScan& json, std::uint64_t& out) {
    std::string_view text;
    if (!json.scalar(text)) return false;
    out = std::min(parse_number(text.substr(0, text.find('.'))).value_or(0), kLargestSize);
    return true;
}

// "file:///srv/my%20app.js" is /srv/my app.js.
std::string path_of(std::string_view url) {
    constexpr std::string_view kFile = "file://";
    if (!url.starts_with(kFile)) return std::string(url);
    std::string path;
    for (url.remove_prefix(kFile.size()); !url.empty(); url.remove_prefix(1)) {
        const auto digit = [&](std::size_t at) { return std::string_view("0123456789abcdef").find(static_cast<char>(url[at] | 0x20)); };
        if (url[0] != '%' || url.size() < 3 || digit(1) > 15 || digit(2) > 15) {
            path += url[0];
            continue;
        }
        path += static_cast<char>(digit(1) << 4 | digit(2));
        url.remove_prefix(2);
    }
    return path;
}

}  // namespace

bool is_v8_profile(std::string_view head) {
    head = trim(head);
    return head.starts_with('{') && head.substr(0, 200).find("\"head\"") != head.npos && head.find("\"callFrame\"") != head.npos;
}

class V8Profiles::Reader {
  public:
    Reader(V8Profiles& profiles, std::string_view text) : profiles_(profiles), json_(text, scratch_, JsonRules::lenient, kMaxDepth) {
        scratch_.reset(text.size());
    }

    std::string read(std::vector<TraceCost>& now) {
        const bool whole = json_.object([&](std::string_view key) {
            if (key == "head") return read_node(0, 0);
            if (key == "samples") return json_.array([&] { return read_sample(); });
            return json_.skip_value();
        });
        now.assign(profiles_.profile_.traces.size(), {});
        for (const auto& [trace, bytes] : bytes_)
            if (trace != 0) now[trace - 1].live_bytes = static_cast<std::int64_t>(bytes);
        for (const Sample& sample : samples_) {
            const auto node = traces_.find(sample.node);
            if (node == traces_.end() || node->second == 0) continue;
            TraceCost& cost = now[node->second - 1];
            ++cost.live_blocks;
            cost.live_variance += static_cast<double>(sample.size) * static_cast<double>(sample.size);
        }
        return whole ? std::string() : json_.fault();
    }

  private:
    struct Sample {
        std::uint64_t size;
        std::int64_t node;
    };
    // level: of the tree. Native functions have no file: what they allocate is their caller's.
    bool read_node(std::uint32_t parent, int level) {
        std::uint32_t trace = parent;
        std::uint64_t size = 0;
        std::int64_t id = -1;
        bool named = false;
        const bool good = json_.object([&](std::string_view key) {
            if (key == "callFrame") {
                named = true;
                return read_frame(parent, level, trace);
            }
            if (key == "selfSize") return take_size(json_, size);
            if (key == "id") return json_.integer(id);
            if (key == "children" && named) return json_.array([&] { return read_node(trace, level + 1); });
            return json_.skip_value();
        });
        bytes_[trace] = std::min(bytes_[trace] + size, kLargestSize);
        traces_[id] = trace;
        return good;
    }
    bool read_frame(std::uint32_t parent, int level, std::uint32_t& trace) {
        std::string function, url;
        std::int64_t line = -1;
        const bool good = json_.object([&](std::string_view key) {
            std::string_view text;
            if (key == "lineNumber") return json_.integer(line);
            if (key != "functionName" && key != "url") return json_.skip_value();
            if (!json_.string(text)) return false;
            (key == "url" ? url : function) = text;
            return true;
        });
        const bool native = url.empty() && parent != 0;
        if (!good || level == 0 || native) return good;
        const std::uint32_t number = line >= 0 && line < INT32_MAX ? static_cast<std::uint32_t>(line) + 1 : 0;
        trace = profiles_.trace_of(parent, profiles_.string_of(function.empty() ? "(anonymous)" : function),
                                   profiles_.string_of(path_of(url)), url.empty() ? 0 : number);
        return true;
    }
    bool read_sample() {
        Sample sample{0, -1};
        const bool good = json_.object([&](std::string_view key) {
            if (key == "size") return take_size(json_, sample.size);
            return key == "nodeId" ? json_.integer(sample.node) : json_.skip_value();
        });
        samples_.push_back(sample);
        if (sample.size > 0) profiles_.sizes_.push_back(sample.size);
        return good;
    }

    V8Profiles& profiles_;
    Scratch scratch_;
    JsonScan json_;
    std::unordered_map<std::int64_t, std::uint32_t> traces_;  // by node
    std::map<std::uint32_t, std::uint64_t> bytes_;            // by trace
    std::vector<Sample> samples_;
};

StringId V8Profiles::string_of(std::string_view text) {
    if (text.empty()) return {};
    const auto found = strings_.find(text);
    if (found != strings_.end()) return {found->second};
    profile_.strings.emplace_back(printable(text));
    const auto id = static_cast<std::uint32_t>(profile_.strings.size());
    strings_.emplace(text, id);
    return {id};
}

std::uint32_t V8Profiles::trace_of(std::uint32_t parent, StringId function, StringId file, std::uint32_t line) {
    const auto [ip, new_ip] = ips_.try_emplace({function.value, file.value, line}, static_cast<std::uint32_t>(profile_.ips.size() + 1));
    if (new_ip) {
        profile_.ips.push_back({0, {}, static_cast<std::uint32_t>(profile_.frames.size()), 1});
        profile_.frames.push_back({function, file, line});
    }
    const auto [trace, new_trace] = traces_.try_emplace({parent, ip->second}, static_cast<std::uint32_t>(profile_.traces.size() + 1));
    if (new_trace) profile_.traces.push_back({IpId{ip->second}, TraceId{parent}});
    return trace->second;
}

void V8Profiles::add_mark(const std::vector<TraceCost>& now, Nanoseconds at) {
    HeapMark mark;
    mark.kind = HeapMark::Kind::round_end;
    mark.at = at;
    last_.resize(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
        TraceCost cost = now[i];
        // V8 does not count what is gone: as few as can be.
        cost.allocations =
            last_[i].allocations + static_cast<std::uint64_t>(std::max<std::int64_t>(0, cost.live_blocks - last_[i].live_blocks));
        cost.allocated_bytes =
            last_[i].allocated_bytes + static_cast<std::uint64_t>(std::max<std::int64_t>(0, cost.live_bytes - last_[i].live_bytes));
        cost.turnover_variance = last_[i].turnover_variance + cost.live_variance + last_[i].live_variance;
        profile_.events += cost.allocations - last_[i].allocations;
        if (cost == last_[i]) continue;
        mark.changes.push_back({TraceId{static_cast<std::uint32_t>(i + 1)}, cost});
        last_[i] = cost;
    }
    std::int64_t live = 0;
    for (const TraceCost& cost : now) live += cost.live_bytes;
    if (static_cast<Bytes>(live) > profile_.peak_bytes) profile_.peak_bytes = static_cast<Bytes>(live), profile_.peak_at = at;
    profile_.marks.push_back(std::move(mark));
    profile_.duration = at;
}

std::string V8Profiles::add(std::string_view text, Nanoseconds at) {
    std::vector<TraceCost> now;
    std::string fault = Reader(*this, text).read(now);
    add_mark(now, at);
    return fault;
}

HeapProfile V8Profiles::take() {
    profile_.source = "V8 sampling heap profile";
    profile_.command = "node";
    Sampling sampling;
    sampling.samples = sizes_.size();
    if (!sizes_.empty()) {
        std::nth_element(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(sizes_.size() / 2), sizes_.end());
        sampling.interval = sampling.first_interval = sizes_[sizes_.size() / 2];
    }
    profile_.sampling = sampling;
    profile_.warnings.emplace_back("a line is the one where its function begins: V8's sampling heap profiler keeps no others");
    return std::move(profile_);
}

}  // namespace leakline::heap
