// Gets names for addresses from heaptrack's interpreter. It is given only what it needs for that (modules and addresses):
// with a whole recording, heaptrack 1.4's crashes in its hash table at about 100,000 distinct (size, trace)
// pairs (KDE bug 477018).
#pragma once

#include <string>
#include <vector>

#include "heap/internal/raw_recording.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

struct Symbols {
    std::vector<std::string> strings;
    std::vector<Frame> frames;
    std::vector<InstructionPointer> ips;  // one an address of the feed, in its order; without frames where unknown
    std::string problem;                  // why names are missing; empty if the interpreter succeeded
};

// Runs the interpreter (a child process) and waits for it. Does not throw if the interpreter fails. What the feed names has one frame.
Symbols find_symbols(const SymbolFeed& feed, const std::string& interpreter);

}  // namespace leakline::heap
