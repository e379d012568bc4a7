// Builds HeapProfiles as a recorder would: cumulative costs, listed at the marks where they changed.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/heap.hpp"

namespace leakline::test {

struct At {
    std::string function, file;
    std::uint32_t line = 0;
};

class ProfileBuilder {
  public:
    ProfileBuilder() {
        profile_.source = "test";
        mark(HeapMark::Kind::start, std::chrono::seconds(0), 0);
    }

    // One instruction pointer a position, innermost first; module as the executable.
    TraceId trace(const std::vector<At>& stack, const std::string& module = "/app/service") {
        TraceId parent;
        for (std::size_t i = stack.size(); i-- > 0;) parent = node(ip({stack[i]}, module), parent);
        return parent;
    }
    // Positions that share one instruction pointer: all but the last were inlined. Innermost first.
    IpId ip(const std::vector<At>& inlined, const std::string& module = "/app/service") {
        InstructionPointer pointer;
        pointer.address = 0x1000 + profile_.ips.size();
        pointer.module = string(module);
        pointer.first_frame = static_cast<std::uint32_t>(profile_.frames.size());
        pointer.frame_count = static_cast<std::uint32_t>(inlined.size());
        for (const At& at : inlined) profile_.frames.push_back({string(at.function), string(at.file), at.line});
        profile_.ips.push_back(pointer);
        return {static_cast<std::uint32_t>(profile_.ips.size())};
    }
    TraceId node(IpId ip, TraceId parent) {
        profile_.traces.push_back({ip, parent});
        costs_.emplace_back();
        return {static_cast<std::uint32_t>(profile_.traces.size())};
    }

    void allocate(TraceId trace, std::uint64_t bytes, std::uint64_t count = 1) {
        TraceCost& cost = costs_[trace.value - 1];
        cost.allocations += count;
        cost.allocated_bytes += bytes * count;
        cost.live_bytes += static_cast<std::int64_t>(bytes * count);
        cost.live_blocks += static_cast<std::int64_t>(count);
        changed_[trace] = true;
    }
    void release(TraceId trace, std::uint64_t bytes, std::uint64_t count = 1) {
        TraceCost& cost = costs_[trace.value - 1];
        cost.live_bytes -= static_cast<std::int64_t>(bytes * count);
        cost.live_blocks -= static_cast<std::int64_t>(count);
        changed_[trace] = true;
    }
    HeapMark& mark(HeapMark::Kind kind, Nanoseconds at, std::optional<std::uint64_t> requests = {}) {
        HeapMark mark;
        mark.kind = kind;
        mark.at = at;
        mark.requests = requests;
        for (const auto& [trace, yes] : changed_) mark.changes.push_back({trace, costs_[trace.value - 1]});
        changed_.clear();
        profile_.marks.push_back(std::move(mark));
        profile_.duration = at;
        return profile_.marks.back();
    }
    // The end of a round of 1000 requests and 10 seconds.
    HeapMark& round_end() {
        ++rounds_;
        return mark(HeapMark::Kind::round_end, std::chrono::seconds(10 * rounds_), 1000 * rounds_);
    }

    HeapProfile& profile() { return profile_; }

  private:
    StringId string(const std::string& text) {
        if (text.empty()) return {};
        const auto [place, fresh] = strings_.try_emplace(text, StringId{});
        if (fresh) {
            profile_.strings.push_back(text);
            place->second = {static_cast<std::uint32_t>(profile_.strings.size())};
        }
        return place->second;
    }

    HeapProfile profile_;
    std::vector<TraceCost> costs_;
    std::map<TraceId, bool> changed_;
    std::map<std::string, StringId> strings_;
    std::uint64_t rounds_ = 0;
};

}  // namespace leakline::test
