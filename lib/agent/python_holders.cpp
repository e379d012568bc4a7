#include "agent/internal/python_answer.hpp"
#include "agent/internal/python_search.hpp"
#include "agent/internal/python_types.hpp"

namespace leakline::agent::python {

Graph graph;

namespace {

constexpr unsigned kMaxHolders = 64;
constexpr double kWorthSaying = 0.005;  // of the growth
constexpr unsigned kFewSamples = 8;

SegmentView segment;
bool all_sampled;
TypeCounts type_counts;

// ---- which node holds

double total_growth() {
    double total = 0;
    for (std::uint32_t i = 0; i < graph.held_count(); ++i) total += graph.held(i).growth;
    return total;
}

std::uint32_t holders[kMaxHolders];
unsigned holder_count;

void add_holder(std::uint32_t node) {
    if (holder_count < kMaxHolders) holders[holder_count++] = node;
}

// From a variable down to where the samples spread over many objects: into a part that has nearly all, and from what has names into each large
// part.
void descend(std::uint32_t node, double total, unsigned depth) {
    constexpr double kLarge = 0.05, kLargePart = 0.2, kNearlyAll = 0.8;
    constexpr unsigned kMaxParts = 8, kDeepest = 12;
    const double all = graph.weight(node).growth;
    const bool has_names = is_namespace(node);
    const double least = !has_names ? kNearlyAll * all : kLarge * total < kLargePart * all ? kLarge * total : kLargePart * all;
    std::uint32_t parts[kMaxParts];
    unsigned count = 0;
    double in_parts = 0;
    for (auto [child, end] = graph.children(node); depth < kDeepest && child < end && count < kMaxParts; ++child) {
        if (graph.weight(child).growth < least) continue;
        // Of few samples, one item has nearly all by chance.
        if (!has_names && graph.weight(child).samples < kFewSamples) continue;
        parts[count++] = child;
        in_parts += graph.weight(child).growth;
    }
    // A linked list is one holder.
    const bool chain = count == 1 && !is_container(graph[node].object) && type_of(graph[parts[0]].object) == type_of(graph[node].object);
    if (count == 0 || chain || in_parts < 0.5 * all) return add_holder(node);
    for (unsigned i = 0; i < count; ++i) descend(parts[i], total, depth + 1);
}

void find_nodes() {
    const double total = total_growth();
    // Largest first, as there is no room for all.
    std::uint32_t last = Graph::kNone;
    while (holder_count < kMaxHolders) {
        const double before = last == Graph::kNone ? total + 1 : graph.weight(last).growth;
        std::uint32_t next = Graph::kNone;
        for (std::uint32_t node = 0; node < graph.variable_count(); ++node) {
            const double growth = graph.weight(node).growth;
            const bool is_later = growth < before || (growth == before && node > last);
            if (is_later && growth > 0 && growth >= kWorthSaying * total && (next == Graph::kNone || growth > graph.weight(next).growth))
                next = node;
        }
        if (next == Graph::kNone) return;
        descend(next, total, 0);
        last = next;
    }
}

// ---- the lines that allocated what a holder has

struct FrameBytes {
    std::uint64_t frame;
    double bytes;
};
constexpr unsigned kFrameTable = 1 << 14;
FrameBytes frame_table[kFrameTable];

void count_frames(const Graph::Held& held) {
    const Stack& stack = segment.stacks[held.stack];
    const std::uint64_t* const frames = segment.frames + stack.first;
    for (std::uint32_t i = 0; i < stack.depth && i < kMaxFrames; ++i) {
        // Of recursive functions each line counts once; a line is one whatever its function's name.
        bool again = !PythonFrame::is_one(frames[i]);
        for (std::uint32_t j = 0; j < i && !again; ++j) again = frames[j] == frames[i];
        if (again) continue;
        for (unsigned tries = 0, place = static_cast<unsigned>(frames[i] * 0x9e3779b97f4a7c15u >> 50); tries < 64; ++tries) {
            FrameBytes& entry = frame_table[(place + tries) % kFrameTable];
            if (entry.frame != 0 && entry.frame != frames[i]) continue;
            entry.frame = frames[i];
            entry.bytes += held.growth;
            break;
        }
    }
}

void put_frames() {
    for (FrameBytes& entry : frame_table) {
        if (entry.frame == 0) continue;
        const PythonFrame frame = PythonFrame::unpacked(entry.frame);
        if (frame.file < segment.header->sizes.names) {
            put_mark("frame\t");
            put(segment.names + frame.file);
            tab();
            put_count(frame.line);
            tab();
            put_count(entry.bytes);
            new_line();
        }
        entry = {};
    }
}

std::uint8_t* owner;  // the holder of each node, + 1

bool find_owners() {
    owner = reserve<std::uint8_t>(graph.size() + 1);
    if (owner == nullptr) return false;
    for (unsigned i = 0; i < holder_count; ++i) owner[holders[i]] = static_cast<std::uint8_t>(i + 1);
    for (std::uint32_t node = 0; node < graph.size(); ++node)
        if (owner[node] == 0 && graph[node].parent != Graph::kNone) owner[node] = owner[graph[node].parent];
    return true;
}

template <class Belongs>
void put_frames_of(const Belongs& belongs) {
    for (std::uint32_t i = 0; i < graph.held_count(); ++i)
        if (const Graph::Held& held = graph.held(i); held.stack != Graph::kNone && held.growth > 0 && belongs(held)) count_frames(held);
    put_frames();
}

// ---- what no variable holds

// Objects of one type that native code alone refers to, or garbage, with all that they keep; without a type: memory that no object leads to.
struct Unheld {
    const void* type;
    bool garbage;
    double bytes, growth, blocks;
    std::uint32_t objects, samples;
};
constexpr unsigned kMaxUnheld = 64;
Unheld unheld[kMaxUnheld];
unsigned unheld_count;

// No variable leads to it.
bool is_unheld(const Graph::Held& held) { return held.node == Graph::kNone || graph.is_lost(held.node); }

Unheld* known_unheld(const void* type, bool garbage) {
    for (unsigned i = 0; i < unheld_count; ++i)
        if (unheld[i].type == type && unheld[i].garbage == garbage) return &unheld[i];
    return nullptr;
}
Unheld* unheld_of(std::uint32_t root) {
    const void* const type = root != Graph::kNone ? type_of(graph[root].object) : nullptr;
    const bool garbage = root != Graph::kNone && graph.is_garbage(root);
    if (Unheld* const known = known_unheld(type, garbage)) return known;
    if (unheld_count == kMaxUnheld) return nullptr;
    unheld[unheld_count] = {type, garbage, 0, 0, 0, 0, 0};
    return &unheld[unheld_count++];
}
Unheld* unheld_of(const Graph::Held& held) { return is_unheld(held) ? unheld_of(graph.lost_root(held.node)) : nullptr; }

void find_unheld() {
    unheld_count = 0;
    for (std::uint32_t i = 0; i < graph.held_count(); ++i) {
        const Graph::Held& held = graph.held(i);
        Unheld* const kind = held.growth > 0 && held.size > 0 ? unheld_of(held) : nullptr;
        if (kind == nullptr) continue;
        kind->bytes += held.bytes;
        kind->growth += held.growth;
        kind->blocks += held.growth / static_cast<double>(held.size);
        ++kind->samples;
    }
    for (std::uint32_t node = 0; node < graph.size(); ++node) {
        if (graph.lost_root(node) != node) continue;
        if (Unheld* const kind = known_unheld(type_of(graph[node].object), graph.is_garbage(node))) ++kind->objects;
    }
}

// Smaller ones can be what the stacks of other threads hold for a moment.
bool is_large(const Unheld& kind, double total) {
    return !kind.garbage && kind.growth >= kWorthSaying * total && kind.samples >= kFewSamples;
}

void put_held_by_native_code(double total) {
    for (unsigned i = 0; i < unheld_count; ++i) {
        const Unheld& kind = unheld[i];
        if (!is_large(kind, total)) continue;
        put_mark("holder\t");
        put_count(kind.bytes);
        tab();
        put_count(kind.growth);
        tab();
        if (kind.type != nullptr) put_type(kind.type);
        tab();
        if (kind.type != nullptr) put_count(kind.objects);
        put_mark("\t\nvariable\tnative\t\t\t\t0\npath\t\n");
        put_frames_of([&](const Graph::Held& held) { return unheld_of(held) == &kind; });
    }
}

void put_lost() {
    double blocks = 0, bytes = 0;
    const auto is_lost = [](const Graph::Held& held) { return graph.is_garbage(held.node); };
    for (std::uint32_t i = 0; i < graph.held_count(); ++i)
        if (const Graph::Held& held = graph.held(i); held.growth > 0 && held.size > 0 && is_lost(held))
            blocks += held.growth / static_cast<double>(held.size), bytes += held.growth;
    put_mark("lost\t");
    put_count(blocks);
    tab();
    put_count(bytes);
    new_line();
    put_frames_of(is_lost);
    for (unsigned i = 0; i < unheld_count; ++i) {
        const Unheld& kind = unheld[i];
        if (!kind.garbage) continue;
        put_mark("lost_type\t");
        put_type(kind.type);
        for (const double value : {static_cast<double>(kind.objects), kind.blocks, kind.growth}) {
            tab();
            put_count(value);
        }
        new_line();
    }
}

// The file of the module that is called __main__ in what follows.
void put_program() {
    const void* const program = value_of(interpreter.modules(), "__main__");
    const void* const dict = program != nullptr && interpreter.is_subtype(type_of(program), interpreter.module_type) != 0
                                 ? interpreter.dict_of_module(program)
                                 : nullptr;
    put_mark("program\t");
    if (dict != nullptr) put(text_in(dict, "__file__"));
    new_line();
}

}  // namespace

bool find_holders(const SegmentView& of, bool all) {
    segment = of;
    all_sampled = all;
    find_nodes();
    return find_owners();
}

void write_answer(bool with_attributes) {
    const auto owner_of = [](const Graph::Held& held) { return is_unheld(held) ? 0u : owner[held.node]; };
    find_unheld();
    const double total = total_growth();
    put_program();
    put_mark("total\t");
    put_count(graph.held_count());
    tab();
    put_count(total);
    new_line();
    for (unsigned holder = 0; holder < holder_count; ++holder) {
        put_holder(holders[holder], with_attributes);
        put_frames_of([&](const Graph::Held& held) { return owner_of(held) == holder + 1; });
    }
    put_held_by_native_code(total);
    put_mark("others\n");
    put_frames_of([&](const Graph::Held& held) {
        const Unheld* const kind = unheld_of(held);
        return kind != nullptr ? !kind->garbage && !is_large(*kind, total) : owner_of(held) == 0 && !graph.is_garbage(held.node);
    });
    put_lost();
    if (type_counts.count(graph, all_sampled)) type_counts.put();
    end_answer();
}

}  // namespace leakline::agent::python
