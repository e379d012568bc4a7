// What holds the memory of a process: the variables that its heap blocks can be reached from. Plain data, made by lib/holders.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "model/runtime.hpp"

namespace leakline {

// Blocks of one kind: those of objects of one class (by their virtual table), or of one size.
struct BlockKind {
    std::string name;  // of the class; empty: known by size only
    Bytes block_size = 0;
    std::uint64_t blocks = 0;
    Bytes bytes = 0;
};

// Lost memory of one kind, by the block that nothing leads to, or by a ring of blocks that only lead to each other.
struct LostKind {
    bool cycle = false;
    std::string type;          // of the object there; of a cycle one of its objects; empty: not known
    std::string field;         // of a cycle: the member of type that leads on within it; empty: not known
    Bytes block_size = 0;      // without a type: of the block
    std::uint64_t count = 0;   // of these blocks or cycles
    std::uint64_t blocks = 0;  // with all that only they lead to
    Bytes bytes = 0;
};

// Objects of one type, in Python. Sizes are of the objects, and of memory that belongs to one alone: estimated from samples, or
// measured in a search of all objects.
struct ObjectType {
    std::string name;           // "dict", "app.Event"
    std::uint64_t objects = 0;  // counted
    Bytes bytes = 0;
    std::int64_t growth_objects = 0, growth_bytes = 0;               // of those that are left of what was made since a time
    std::optional<double> growth_error_objects, growth_error_bytes;  // standard errors; nothing: counted
};

// A member of the elements of a container (or of the objects behind a pointer) that holds much of its memory.
struct HolderPart {
    std::string path;  // "[].events", "[]->session.buffer"
    std::string type;
    std::optional<std::uint64_t> elements;  // of all these members together
    std::uint64_t objects = 0;              // how many of them there are
    Bytes bytes = 0;
};

struct Holder {
    enum class Root {
        global,  // also static members and static variables of functions
        thread_local_variable,
        local,        // a variable or temporary of a function on a stack
        stack,        // a part of a stack without call frame information
        thread_data,  // what libraries keep for a thread
        mapping,      // memory that the program has mapped itself
        registers,
        damaged_heap,  // a part of the heap that could not be read
        native_code,   // of Python: no variable of it
    };
    Root root = Root::global;
    // "app::cache", "service.state_->cache.records_": from the variable down to the container; empty if it has no name.
    std::string path;
    Runtime runtime = Runtime::native;      // of the variable: native code, or Python
    std::string type;                       // of what the path leads to; empty if it is not known
    std::optional<std::uint64_t> elements;  // of the container or linked structure there
    std::string element_type;               // of most of its elements, in Python; empty if it is not known
    std::string function;                   // local: the function
    std::string thread;                     // for what belongs to one: its name and id
    std::string module;                     // global: file of the program or library
    std::string file;                       // where the variable is declared; empty if it is not known
    std::uint32_t line = 0;
    std::string member_file;  // where the last member of path is declared; empty if it has none, or that is not known
    std::uint32_t member_line = 0;
    Bytes bytes = 0;  // of all blocks that can be reached through it and through no holder that comes before
    std::uint64_t blocks = 0;
    Bytes shared_bytes = 0;         // the part of it that another variable leads to as well
    std::string shared_with;        // that variable
    std::vector<HolderPart> parts;  // largest first
    std::vector<BlockKind> kinds;   // if there is no type: what the blocks are, largest first
    // Between two snapshots.
    std::optional<std::int64_t> growth_bytes, growth_elements;
};
constexpr std::string_view root_name(Holder::Root root) {
    switch (root) {
        case Holder::Root::global: return "global";
        case Holder::Root::thread_local_variable: return "thread-local";
        case Holder::Root::local: return "local";
        case Holder::Root::stack: return "stack";
        case Holder::Root::thread_data: return "thread data";
        case Holder::Root::mapping: return "mapping";
        case Holder::Root::registers: return "registers";
        case Holder::Root::damaged_heap: return "damaged heap";
        case Holder::Root::native_code: return "native code";
    }
    return "global";
}

struct HolderReport {
    int process = 0;
    std::string command;    // the program's file
    std::string core;       // the core file that was read; empty: a running process
    std::string allocator;  // "glibc", "jemalloc", "tcmalloc", "mimalloc", or "Python"; empty: not known, so no blocks were found
    Bytes copied = 0;       // 0: by the kernel, as for fork
    Nanoseconds paused{};   // how long the process was stopped; of two snapshots the longer
    Nanoseconds took{};     // all of it
    std::uint64_t blocks = 0;
    Bytes bytes = 0;  // in blocks
    std::uint64_t lost_blocks = 0;
    Bytes lost_bytes = 0;                      // in blocks that nothing leads to
    std::vector<LostKind> lost;                // largest first
    std::optional<Nanoseconds> since;          // time between two snapshots
    std::optional<std::int64_t> growth_bytes;  // of all blocks
    std::optional<std::int64_t> growth_lost_bytes, growth_lost_blocks;
    std::vector<Holder> holders;    // largest first; by growth if there were two snapshots
    std::vector<ObjectType> types;  // the same; of Python
    std::vector<std::string> warnings;
};

// A line of code, and the estimated bytes of live blocks whose stacks pass through it.
struct LineBytes {
    std::string file;
    std::uint32_t line = 0;
    double bytes = 0;
};

// What Python's variables hold of the sampled blocks that a process has allocated since a given time, with the lines that allocated it.
struct PythonHolder {
    Holder holder;
    std::vector<LineBytes> lines;
};
struct PythonHolders {
    std::vector<PythonHolder> holders;
    std::vector<LineBytes> others;     // what other variables hold, or native code
    std::vector<LineBytes> lost;       // objects that only keep each other alive, with all that they lead to
    std::vector<LostKind> lost_kinds;  // of these, by type
    std::uint64_t lost_blocks = 0;
    Bytes lost_bytes = 0;
    std::vector<ObjectType> types;  // in no order
    std::string reason;             // why there is no answer, or not of all processes; empty if there is one
    Nanoseconds stopped{};          // how long a process was stopped for it, at most
};

// What holds most of the memory that leaked between two snapshots, or since a time.
struct HeldBy {
    std::optional<Holder> holder;  // nothing: most of it is lost
    // Lost since then, if there is no holder.
    std::uint64_t lost_blocks = 0;
    Bytes lost_bytes = 0;
    bool lost_in_cycles = false;  // most of what is lost are objects that keep each other alive
    std::string lost_type;        // of these in Python, the type that has most of the memory
};

}  // namespace leakline
