// Profiles of V8's sampling heap profiler (.heapprofile, as Node.js and Chrome write it): live bytes by call stack at one moment.
//
//   {"head": node, "samples": [{"size": bytes, "nodeId": id, ...}, ...]}
//   node = {"callFrame": {"functionName", "url", "lineNumber", ...}, "selfSize": bytes, "id": id, "children": [node, ...]}
//
// A line is that where a function begins, from 0; V8 keeps no other. Sizes are V8's estimates: a sample stands for about the interval.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "model/heap.hpp"

namespace leakline::heap {

// By the first 64 KiB of a file.
bool is_v8_profile(std::string_view head);

// Thread-safety: one object, one thread at a time.
class V8Profiles {
  public:
    // A file's content as the next mark. Returns what is wrong with it ("column 7: expected ..."); empty: nothing. What comes before that counts.
    std::string add(std::string_view text, Nanoseconds at);
    std::size_t count() const { return profile_.marks.size(); }
    HeapProfile take();

  private:
    struct Node {
        std::uint32_t trace = 0;  // 0: the root
        std::uint64_t bytes = 0;
        std::int64_t id = -1;
    };
    class Reader;

    StringId string_of(std::string_view text);
    std::uint32_t trace_of(std::uint32_t parent, StringId function, StringId file, std::uint32_t line);
    void add_mark(const std::vector<TraceCost>& now, Nanoseconds at);

    HeapProfile profile_;
    std::map<std::string, std::uint32_t, std::less<>> strings_;
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::uint32_t> ips_;  // by function, file and line
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> traces_;               // by parent and ip
    std::vector<TraceCost> last_;
    std::vector<std::uint64_t> sizes_;  // of samples
};

}  // namespace leakline::heap
