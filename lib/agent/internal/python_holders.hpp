// Searches for the Python variables that hold the live samples, without disturbing the process: a copy of it (as after fork) does the work and
// ends. There no Python code runs, no reference is counted and no lock is taken: objects are only visited by their types' tp_traverse.
//
// The copy is made by the interpreter's main thread between two instructions, or with the interpreter's lock, so that no object is half changed. If
// the main thread waits for others (a server whose requests run in threads), another one makes it while it allocates memory.
#pragma once

#include "agent/internal/segment_view.hpp"

namespace leakline::agent::python {

// Whether this process may be copied now: it is the one that was asked, and no sandbox of its own (seccomp) may end it for that.
enum class Permission { given, other_process, sandboxed };

struct Search {
    SegmentView segment;       // has room for the answer
    bool all_sampled = false;  // the process has been recorded since its start
    // Around the copying: unless it is another process, the segment stays until `end`, and the copy has it.
    Permission (*begin)(const SegmentHeader* asked) = nullptr;
    void (*end)() = nullptr;
    void (*begin_copy)() = nullptr;  // called first in the copy: turns the agent off
};

// Asks the interpreter's main thread to make the copy, which sets the segment's SearchState when it is done. Any thread; does not wait.
void search_holders(const Search& search);
// After search_holders, by a thread that has allocated a block for the interpreter (not resized one, which its object still leads to): makes the copy
// if the main thread has not done so for a while, the process has one interpreter, and this thread has its lock. Once for each search.
void search_holders_in_call();
// The same, but makes the copy itself, in a thread of the agent's own: waits for the interpreter's lock, with which no thread is within an
// instruction. The interpreter may do nothing meanwhile.
void search_holders_here(const Search& search);

// A copy was made, and has not been waited for: until then it stays in the process table, at the end as a zombie.
bool has_copy();
// Waits for it if it has ended. Any thread of the process that made it.
void reap_copy();
// Ends a copy that is still at work, and waits for it. False: it has not ended yet.
bool drop_copy(unsigned patience_ms);

}  // namespace leakline::agent::python
