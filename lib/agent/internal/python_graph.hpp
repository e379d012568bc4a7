// The objects that Python's variables lead to, each by a shortest path, and the samples among them. For a copy of the process that has one
// thread: memory is mapped and never given back. Takes no lock, changes no object.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/internal/python_objects.hpp"
#include "agent/internal/segment_view.hpp"

namespace leakline::agent::python {

// Functions and types of the interpreter, as it exports them.
struct Interpreter {
    int (*is_initialized)();
    int (*is_finalizing)();
    int (*add_pending_call)(int (*)(void*), void*);
    int (*take_lock)();  // of the interpreter, by any thread
    void (*give_lock)(int state);
    int (*has_lock)();   // whether this thread has it
    void* (*modules)();  // sys.modules of the calling thread's interpreter
    void* (*main_interpreter)();
    void* (*first_interpreter)();
    void* (*next_interpreter)(void* interpreter);
    void* (*first_thread)(void* interpreter);
    void* (*next_thread)(void* thread);
    int (*next_in_dict)(const void* dict, std::ptrdiff_t* position, const void** key, const void** value);
    const void* (*dict_of_module)(const void* module);
    int (*is_subtype)(const void* type, const void* of);
    const void** (*attributes)(const void* object);  // the place of its dict
    const void* (*code_of_function)(const void*);
    const void* (*defaults)(const void*);
    const void* (*keyword_defaults)(const void*);
    const void* (*closure)(const void*);
    void (*disable_collector)();  // null before 3.10
    const void *module_type, *function_type, *cell_type, *code_type, *set_type, *frozenset_type, *bytearray_type;

    bool find();
};
extern Interpreter interpreter __attribute__((visibility("hidden")));

// Kinds of types, by their flags.
constexpr unsigned long kMadeAtRunTime = 1ul << 9, kHasCollector = 1ul << 14, kIsLong = 1ul << 24, kIsList = 1ul << 25,
                        kIsTuple = 1ul << 26, kIsBytes = 1ul << 27, kIsString = 1ul << 28, kIsDict = 1ul << 29, kIsType = 1ul << 31;
constexpr unsigned long kHasValues = 1ul << 4;  // attributes without a dict, since 3.11
inline const void* type_of(const void* object) { return at<const void*>(object, kType); }
inline unsigned long type_flags(const void* type) { return at<unsigned long>(type, 168); }
inline const char* type_name(const void* type) { return at<const char*>(type, 24); }
bool is_thread_local(const void* object);  // a threading.local
bool is_set(const void* object);
constexpr int kBasicSize = 32, kTypeDict = 264;  // of a type
inline bool has_flag(const void* object, unsigned long flag) { return (type_flags(type_of(object)) & flag) != 0; }

// Of a dict: the value of a key, the key of a value, and the string that a key has; null or empty: there is none.
const void* value_of(const void* dict, std::string_view wanted);
const void* key_of(const void* dict, const void* wanted);
std::string_view text_in(const void* dict, std::string_view name);

// A variable: a module's, or a local one of a function that a thread executes.
struct Variable {
    enum class Kind : std::uint32_t { global, local } kind;
    const void* owner;  // the module's dict, or the code object
    const void* name;   // a string; null: not known
};

// What objects are followed from; the arrays must stay.
struct Roots {
    void* const* threads;  // PyThreadState
    unsigned thread_count;
    const void* const* modules;  // sys.modules of each interpreter
    unsigned interpreter_count;
};

// Zeroed memory, used only as far as it is filled; null: there is none.
void* reserve_bytes(std::uint64_t bytes);
template <class Element>
Element* reserve(std::uint64_t count) {
    return static_cast<Element*>(reserve_bytes(count * sizeof(Element)));
}
void give_back(void* memory, std::uint64_t bytes);

constexpr std::uint32_t kNoEntry = ~std::uint32_t{0};

// Finds the entries of an array by an address that each has. The array is the user's: address_of(i) is the address of entry i.
class AddressIndex {
  public:
    template <class AddressOf>
    std::uint32_t find(std::uint64_t address, const AddressOf& address_of) const {
        return size_ != 0 ? slots_[place_of(address, address_of)] - 1 : kNoEntry;
    }
    // The entry that has the address: entry `next`, the first that is not there yet, if no other has it. kNoEntry: there is no memory.
    template <class AddressOf>
    std::uint32_t find_or_add(std::uint64_t address, std::uint32_t next, const AddressOf& address_of) {
        if (next * std::uint64_t{2} >= size_ && !grow(next, address_of)) return kNoEntry;
        std::uint32_t& slot = slots_[place_of(address, address_of)];
        if (slot == 0) slot = next + 1;
        return slot - 1;
    }

  private:
    template <class AddressOf>
    std::uint64_t place_of(std::uint64_t address, const AddressOf& address_of) const {
        std::uint64_t place = (address * 0x9e3779b97f4a7c15u >> 20) & (size_ - 1);
        while (slots_[place] != 0 && address_of(slots_[place] - 1) != address) place = (place + 1) & (size_ - 1);
        return place;
    }
    template <class AddressOf>
    bool grow(std::uint32_t entries, const AddressOf& address_of) {
        AddressIndex larger;
        larger.size_ = size_ == 0 ? 1u << 16 : size_ * 2;
        larger.slots_ = reserve<std::uint32_t>(larger.size_);
        if (larger.slots_ == nullptr) return false;
        for (std::uint32_t i = 0; i < entries; ++i) larger.slots_[larger.place_of(address_of(i), address_of)] = i + 1;
        if (slots_ != nullptr) give_back(slots_, size_ * sizeof *slots_);
        *this = larger;
        return true;
    }

    std::uint32_t* slots_ = nullptr;  // entries + 1
    std::uint64_t size_ = 0;
};

class Graph {
  public:
    static constexpr std::uint32_t kNone = kNoEntry;
    struct Node {
        const void* object;
        std::uint32_t parent;  // kNone: a variable's value, or a lost object that the collector lists
    };
    struct Held {
        std::uint64_t address, size;
        double bytes;         // as estimated for all blocks that it stands for
        double growth;        // the same if it is younger than what the search is about, else 0
        std::uint32_t stack;  // in the segment; kNone: it is no sample
        std::uint32_t node;   // kNone: nothing leads to it
    };
    struct Weight {
        double bytes, growth;
        std::uint32_t samples;  // of growth
    };

    // False if there is no memory for it. since: the time (CLOCK_MONOTONIC) from which blocks are growth, or kMeasureObjects.
    bool build(const SegmentView& segment, const Roots& roots, std::uint64_t since_ns);
    // Gives the memory of native code to the objects that lead to it. What looks like a block may be none: it can fault, and what was found until
    // then stays.
    void join_native_memory();
    void weigh();  // after the above
    // Adds objects to which no variable leads: those that are samples, and what is below them. What looks like one may be none: it can fault, and
    // what was added until then stays.
    void add_lost();

    std::uint32_t size() const { return used_; }
    const Node& operator[](std::uint32_t node) const { return nodes_[node]; }
    const Weight& weight(std::uint32_t node) const { return weights_[node]; }  // of the samples at and below it
    bool is_lost(std::uint32_t node) const { return node >= first_lost_; }
    bool is_garbage(std::uint32_t node) const;  // lost, and nothing but other lost objects refers to it
    // The lost object at the top of what keeps this node: it is garbage, or native code refers to it. kNone: the node is not lost.
    std::uint32_t lost_root(std::uint32_t node) const;
    // The nodes first met from this one, which is not lost: they follow each other, as nodes are visited in order.
    struct Range {
        std::uint32_t begin, end;
    };
    Range children(std::uint32_t node) const { return {first_with_parent(node), first_with_parent(node + 1)}; }
    std::uint32_t variable_count() const { return variable_count_; }  // the first nodes
    const Variable& variable(std::uint32_t node) const { return variables_[node]; }
    std::uint32_t held_count() const { return held_count_; }
    const Held& held(std::uint32_t i) const { return held_[i]; }

    void add(const void* object, std::uint32_t parent);  // for tp_traverse

  private:
    void measure(std::uint32_t first);
    void hold(std::uint64_t address, std::uint64_t size, std::uint32_t node);
    bool read_samples(const SegmentView& segment, std::uint64_t since_ns);
    void add_variable(Variable::Kind kind, const void* owner, const void* name, const void* value);
    void add_modules(const void* modules);
    void add_locals(const void* thread);
    void add_thread_local(std::uint32_t node);
    void add_parts_of_code(std::uint32_t node);
    void add_text_keys(std::uint32_t node);
    void visit(std::uint32_t node);
    std::uint32_t find(const void* object) const;                 // kNone: not visited
    std::uint32_t first_with_parent(std::uint32_t parent) const;  // or a later one
    bool is_collected(const void* object) const;
    const void* object_in(const Held& held) const;
    void add_list_of(const void* first);
    const void* add_ring_of(const void* first);  // returns the ring's head, as if an object followed it
    void add_all_rings();
    void meet_lost(std::uint32_t node, std::uint32_t from);  // one that another lost object refers to
    Held* sample_at(std::uint64_t address);
    void join(std::uint32_t node);
    void join_memory(std::uint32_t first);
    void join_memory_of(std::uint32_t node);

    Node* nodes_ = nullptr;
    std::uint32_t used_ = 0;
    AddressIndex index_;  // of nodes
    Variable* variables_ = nullptr;
    std::uint32_t variable_count_ = 0;
    Held* held_ = nullptr;
    std::uint32_t held_count_ = 0;
    AddressIndex held_index_;
    bool measured_ = false;  // instead of samples, all objects and native blocks are held
    Weight* weights_ = nullptr;
    Roots roots_ = {};
    std::uint32_t first_lost_ = kNone;
    // Of the lost nodes [first_lost_, last_listed_), which the collector knows; those after them belong to their parents.
    std::uint32_t last_listed_ = 0;
    std::int64_t* references_ = nullptr;  // that are no other lost node's
    bool* kept_outside_ = nullptr;
    bool mark_outside_ = false;  // references are counted: what is met is held from outside
};

}  // namespace leakline::agent::python
