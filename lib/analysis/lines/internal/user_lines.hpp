// The lines of user code that each trace passes through. Pure; one object, one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/internal/attribution.hpp"
#include "model/heap.hpp"

namespace leakline::analysis {

// Whether a function of a library puts an element into a container, and into which kind.
enum class Insertion : std::uint8_t {
    none,
    block,  // many elements share a block: std::vector, std::deque, Rust's HashMap
    node,   // each element has a block of its own: std::map, std::list, GLib's lists
};
// function, file: as the debug info has them; the names of inlined functions often come without their class.
Insertion insertion_of(std::string_view function, std::string_view file = {});

// Whether a frame is of an object that holds a callable (std::function and its like), or of a library's event loop: what calls through it
// does not know what it calls.
bool is_callable_holder(std::string_view function, std::string_view file);
bool is_event_loop(std::string_view function, std::string_view file);

// Lines of user code by what they show. Two frames of one file and line are one, whatever function they name.
class UserLines {
  public:
    // kinds: of the profile's frames. Both must outlive it.
    UserLines(const HeapProfile& profile, const std::vector<CodeKind>& kinds);

    struct Position {
        TraceId node;
        std::uint32_t frame = kNoSite;
        Insertion inserts = Insertion::none;  // what the line called, on the way to the line before it or to malloc
        bool calls_back = false;              // whether what it called was called through a std::function, or by an event loop
    };

    std::size_t size() const { return at_.size(); }
    const CodeLine& operator[](std::uint32_t line) const { return at_[line]; }

    // The user lines of a trace, innermost first, each once. Valid until the next call.
    const std::vector<std::uint32_t>& of_trace(std::size_t trace);
    // Where each of them occurs innermost, for the trace that was asked for last.
    const std::vector<Position>& positions() const { return positions_; }

  private:
    Insertion insertion_of_frame(std::uint32_t frame);
    bool calls_back(std::uint32_t frame);

    const HeapProfile& profile_;
    const std::vector<CodeKind>& kinds_;
    std::vector<std::uint32_t> of_frame_;
    std::vector<CodeLine> at_;
    std::vector<std::uint32_t> path_;
    std::vector<Position> positions_;
    std::vector<std::uint8_t> insertion_of_frame_, calls_back_;  // not asked yet: 0xff
};

}  // namespace leakline::analysis
