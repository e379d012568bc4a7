#include "agent/internal/python_graph.hpp"

#include <stdio.h>
#include <sys/mman.h>

#include "agent/internal/probability.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/python_native.hpp"
#include "agent/internal/python_sizes.hpp"

namespace leakline::agent::python {

Interpreter interpreter;

namespace {

constexpr std::uint32_t kMaxPasses = 100, kMaxNodes = 1u << 25, kMaxVariables = 1u << 18, kMaxHeld = 1u << 20, kMaxMeasured = 1u << 26;
// Before an object there may be what the collector and the attributes need.
constexpr std::uint64_t kBeforeObject[] = {0, 16, 32, 48};
constexpr int kHeadSize = 16;  // of every object
constexpr unsigned kDeepestBase = 8;
constexpr std::int64_t kMaxRead = 512;                           // of an object's own fields
constexpr int kTraverse = 184, kBase = 256, kIsCollected = 328;  // of a type

std::uint64_t number_of(const void* object) { return reinterpret_cast<std::uint64_t>(object); }

// An object of a native extension's type, or of a class below one. Types have their module in their names, but those of the interpreter itself
// ("list", "member_descriptor") and classes, which are made at run time.
bool may_have_native_memory(const void* object) {
    if (has_flag(object, kIsLong | kIsTuple | kIsBytes | kIsString | kIsList | kIsDict | kIsType)) return false;
    const void* type = type_of(object);
    const auto has_module = [&] { return strchr(type_name(type), '.') != nullptr; };
    for (unsigned i = 0; i < kDeepestBase && type != nullptr && (type_flags(type) & kMadeAtRunTime) != 0 && !has_module(); ++i)
        type = at<const void*>(type, kBase);
    return type != nullptr && (has_module() || !is_interpreter(type));
}

const void* next_in_ring(const void* object) {
    return reinterpret_cast<const void*>((at<std::uint64_t>(object, -kHeadSize) & ~std::uint64_t{1}) + kHeadSize);
}

struct Visit {
    Graph* graph;
    std::uint32_t node;
};
int visit_child(const void* object, void* argument) {
    const auto* const visit = static_cast<const Visit*>(argument);
    visit->graph->add(object, visit->node);
    return 0;
}

}  // namespace

void* reserve_bytes(std::uint64_t bytes) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}
void give_back(void* memory, std::uint64_t bytes) { ::munmap(memory, bytes); }

bool Interpreter::find() {
    look_up(disable_collector, "PyGC_Disable");
    look_up(has_lock, "PyGILState_Check");
    return look_up(is_initialized, "Py_IsInitialized") &&
           (look_up(is_finalizing, "Py_IsFinalizing") || look_up(is_finalizing, "_Py_IsFinalizing")) &&
           look_up(add_pending_call, "Py_AddPendingCall") && look_up(take_lock, "PyGILState_Ensure") &&
           look_up(give_lock, "PyGILState_Release") && look_up(modules, "PyImport_GetModuleDict") &&
           look_up(main_interpreter, "PyInterpreterState_Main") && look_up(first_interpreter, "PyInterpreterState_Head") &&
           look_up(next_interpreter, "PyInterpreterState_Next") && look_up(first_thread, "PyInterpreterState_ThreadHead") &&
           look_up(next_thread, "PyThreadState_Next") && look_up(next_in_dict, "PyDict_Next") &&
           look_up(dict_of_module, "PyModule_GetDict") && look_up(is_subtype, "PyType_IsSubtype") &&
           look_up(attributes, "_PyObject_GetDictPtr") && look_up(code_of_function, "PyFunction_GetCode") &&
           look_up(defaults, "PyFunction_GetDefaults") && look_up(keyword_defaults, "PyFunction_GetKwDefaults") &&
           look_up(closure, "PyFunction_GetClosure") && look_up(module_type, "PyModule_Type") &&
           look_up(function_type, "PyFunction_Type") && look_up(cell_type, "PyCell_Type") && look_up(code_type, "PyCode_Type") &&
           look_up(set_type, "PySet_Type") && look_up(frozenset_type, "PyFrozenSet_Type") && look_up(bytearray_type, "PyByteArray_Type");
}

const void* value_of(const void* dict, std::string_view wanted) {
    std::ptrdiff_t position = 0;
    const void *key, *value;
    while (interpreter.next_in_dict(dict, &position, &key, &value) != 0)
        if (key != nullptr && has_flag(key, kIsString) && text_of(key) == wanted) return value;
    return nullptr;
}
const void* key_of(const void* dict, const void* wanted) {
    std::ptrdiff_t position = 0;
    const void *key, *value;
    while (interpreter.next_in_dict(dict, &position, &key, &value) != 0)
        if (value == wanted) return key;
    return nullptr;
}
std::string_view text_in(const void* dict, std::string_view name) {
    const void* const value = value_of(dict, name);
    return value != nullptr && has_flag(value, kIsString) ? text_of(value) : std::string_view();
}

bool is_set(const void* object) {
    return interpreter.is_subtype(type_of(object), interpreter.set_type) != 0 ||
           interpreter.is_subtype(type_of(object), interpreter.frozenset_type) != 0;
}

bool is_thread_local(const void* object) {
    const void* type = type_of(object);
    for (unsigned i = 0; type != nullptr && i < kDeepestBase; ++i, type = at<const void*>(type, kBase))
        if (strcmp(type_name(type), "_thread._local") == 0) return true;
    return false;
}

bool Graph::build(const SegmentView& segment, const Roots& roots, std::uint64_t since_ns) {
    nodes_ = reserve<Node>(kMaxNodes);
    variables_ = reserve<Variable>(kMaxVariables);
    weights_ = reserve<Weight>(kMaxNodes);
    roots_ = roots;
    measured_ = since_ns == kMeasureObjects;
    if (nodes_ == nullptr || variables_ == nullptr || weights_ == nullptr || !read_samples(segment, since_ns)) return false;
    for (unsigned i = 0; i < roots.interpreter_count; ++i) add_modules(roots.modules[i]);
    for (unsigned i = 0; i < roots.thread_count; ++i) add_locals(roots.threads[i]);
    for (std::uint32_t node = 0; node < used_; ++node) visit(node);
    join_memory(0);
    measure(0);
    return true;
}

// As the garbage collector decides: what has more references than other lost objects hold is held from outside, by native code, and so is what that
// leads to; the rest only keeps itself alive.
void Graph::add_lost() {
    first_lost_ = last_listed_ = used_;
    for (std::uint32_t i = 0; i < held_count_; ++i)
        if (held_[i].node == kNone && held_[i].growth > 0) add_list_of(object_in(held_[i]));
    if (measured_) add_all_rings();
    last_listed_ = used_;
    references_ = reserve<std::int64_t>(last_listed_ - first_lost_ + 1);
    kept_outside_ = reserve<bool>(last_listed_ - first_lost_ + 1);
    if (references_ == nullptr || kept_outside_ == nullptr) return;
    for (std::uint32_t node = first_lost_; node < last_listed_; ++node)
        references_[node - first_lost_] += at<std::int64_t>(nodes_[node].object, 0);
    for (std::uint32_t node = first_lost_; node < used_; ++node) visit(node);
    mark_outside_ = true;
    bool more = true;
    for (std::uint32_t pass = 0; pass < kMaxPasses && more; ++pass) {
        more = false;
        for (std::uint32_t node = first_lost_; node < last_listed_; ++node) {
            const std::uint32_t i = node - first_lost_;
            if (references_[i] <= 0 || kept_outside_[i]) continue;
            kept_outside_[i] = true;
            more = true;
            visit(node);
        }
    }
    join_memory(first_lost_);
    measure(first_lost_);
}

void Graph::meet_lost(std::uint32_t node, std::uint32_t from) {
    if (node >= last_listed_) return;
    std::int64_t& references = references_[node - first_lost_];
    if (!mark_outside_) {
        --references;
    } else if (references <= 0) {
        references = 1;
        nodes_[node].parent = from;
    }
}

std::uint32_t Graph::lost_root(std::uint32_t node) const {
    if (node == kNone || !mark_outside_ || !is_lost(node)) return kNone;
    while (nodes_[node].parent != kNone) node = nodes_[node].parent;  // which is lost, too
    return node < last_listed_ ? node : kNone;
}

bool Graph::is_garbage(std::uint32_t node) const {
    const std::uint32_t root = lost_root(node);
    return root != kNone && !kept_outside_[root - first_lost_];
}

// An object with a garbage collector's head, as far as its fields tell.
bool Graph::is_collected(const void* object) const {
    constexpr std::int64_t kMostReferences = std::int64_t{1} << 40;
    const auto next = at<std::uint64_t>(object, -16), previous = at<std::uint64_t>(object, -8);
    const auto references = at<std::int64_t>(object, 0);
    const void* const type = type_of(object);
    if (next < kPage || previous < kPage || (next & 6) != 0 || references <= 0 || references > kMostReferences) return false;
    return find(type) != kNone && has_flag(type, kIsType) && (type_flags(type) & kHasCollector) != 0;
}

// What begins in a sampled block; null if that is no such object.
const void* Graph::object_in(const Held& held) const {
    constexpr std::uint64_t kHead = 16;  // before it, types of the program may have as much again, twice
    for (std::uint64_t place = kHead; place <= 3 * kHead && place + kHead <= held.size; place += kHead)
        if (const auto* const object = reinterpret_cast<const void*>(held.address + place); is_collected(object)) return object;
    return nullptr;
}

// The collector has its objects in a few rings.
void Graph::add_list_of(const void* first) {
    if (first != nullptr && find(first) == kNone) add_ring_of(first);
}
const void* Graph::add_ring_of(const void* first) {
    const void* head = nullptr;
    const void* object = first;
    for (std::uint32_t i = 0; i < kMaxNodes; ++i) {
        if (is_collected(object))
            add(object, kNone);
        else
            head = object;
        object = next_in_ring(object);
        if (object == first) break;
    }
    return head;
}

// The heads of the rings of old and young objects follow each other: a ring's two pointers, and two numbers.
void Graph::add_all_rings() {
    constexpr int kBetween = 24;
    std::uint32_t node = 0;
    while (node < first_lost_ && !is_collected(nodes_[node].object)) ++node;
    const void* const head = node < first_lost_ ? add_ring_of(nodes_[node].object) : nullptr;
    for (int other = -2; head != nullptr && other <= 2; ++other) {
        const void* const its_head = static_cast<const char*>(head) + other * kBetween;
        const void* const first = next_in_ring(its_head);
        if (other != 0 && number_of(first) > kPage && (at<std::uint64_t>(first, -8) & ~std::uint64_t{3}) == number_of(its_head) - kHeadSize)
            add_ring_of(first);
    }
}

bool Graph::read_samples(const SegmentView& segment, std::uint64_t since_ns) {
    const std::uint32_t used = segment.header->samples_used.load(std::memory_order_acquire);
    const std::uint32_t stacks = segment.header->stacks_used.load(std::memory_order_acquire);
    const SamplingState state = SamplingState::unpacked(segment.header->sampling.load(std::memory_order_relaxed));
    const std::uint32_t most = used < kMaxHeld ? used : kMaxHeld;
    held_ = reserve<Held>(measured_ ? kMaxMeasured : most + 1);
    if (held_ == nullptr) return false;
    if (measured_) return true;
    for (std::uint32_t i = 0; i < most; ++i) {
        const Sample& sample = segment.samples[i];
        const std::uint64_t number = sample.number.load(std::memory_order_acquire);
        const std::uint64_t address = sample.address.load(std::memory_order_relaxed), bytes = sample.size.load(std::memory_order_relaxed);
        const std::uint32_t stack = sample.stack.load(std::memory_order_relaxed);
        const bool is_growth = sample.at_ns.load(std::memory_order_relaxed) >= since_ns;
        std::atomic_thread_fence(std::memory_order_acquire);
        if (number == 0 || sample.number.load(std::memory_order_relaxed) != number || stack >= stacks) continue;
        const double probability = sampling_probability(bytes, state.interval_of(i));
        const double estimate = probability > 0 ? static_cast<double>(bytes) / probability : 0;
        if (held_index_.find_or_add(address, held_count_, [this](std::uint32_t held) { return held_[held].address; }) == held_count_)
            held_[held_count_++] = {address, bytes, estimate, is_growth ? estimate : 0, stack, kNone};
    }
    return true;
}

void Graph::hold(std::uint64_t address, std::uint64_t size, std::uint32_t node) {
    const auto bytes = static_cast<double>(size);
    if (held_count_ < kMaxMeasured) held_[held_count_++] = {address, size, bytes, bytes, kNone, node};
}
void Graph::measure(std::uint32_t first) {
    if (!measured_) return;
    for (std::uint32_t node = first; node < used_; ++node) hold(number_of(nodes_[node].object), size_of_object(nodes_[node].object), node);
}

Graph::Held* Graph::sample_at(std::uint64_t address) {
    const std::uint32_t found = held_index_.find(address, [this](std::uint32_t held) { return held_[held].address; });
    return found != kNone ? &held_[found] : nullptr;
}

void Graph::add(const void* object, std::uint32_t parent) {
    if (object == nullptr || used_ == kMaxNodes) return;
    const std::uint32_t found =
        index_.find_or_add(number_of(object), used_, [this](std::uint32_t node) { return number_of(nodes_[node].object); });
    if (found == used_) {
        nodes_[used_++] = {object, parent};
    } else if (found != kNone && parent != kNone && is_lost(found)) {
        meet_lost(found, parent);
    }
}

std::uint32_t Graph::find(const void* object) const {
    return index_.find(number_of(object), [this](std::uint32_t node) { return number_of(nodes_[node].object); });
}

std::uint32_t Graph::first_with_parent(std::uint32_t parent) const {
    std::uint32_t low = variable_count_, high = used_ < first_lost_ ? used_ : first_lost_;
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (nodes_[middle].parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void Graph::add_variable(Variable::Kind kind, const void* owner, const void* name, const void* value) {
    if (variable_count_ == kMaxVariables) return;
    const std::uint32_t before = used_;
    add(value, kNone);
    if (used_ != before) variables_[variable_count_++] = {kind, owner, name};
}

void Graph::add_modules(const void* modules) {
    std::ptrdiff_t position = 0, within;
    const void *module, *key, *value;
    while (interpreter.next_in_dict(modules, &position, &key, &module) != 0) {
        if (interpreter.is_subtype(type_of(module), interpreter.module_type) == 0) continue;
        const void* const dict = interpreter.dict_of_module(module);
        for (within = 0; dict != nullptr && interpreter.next_in_dict(dict, &within, &key, &value) != 0;)
            if (interpreter.is_subtype(type_of(value), interpreter.module_type) == 0)
                add_variable(Variable::Kind::global, dict, has_flag(key, kIsString) ? key : nullptr, value);
    }
    // After their values, so that no path leads through a dict of variables, as functions have them.
    for (position = 0; interpreter.next_in_dict(modules, &position, &key, &module) != 0;)
        if (interpreter.is_subtype(type_of(module), interpreter.module_type) != 0)
            if (const void* const dict = interpreter.dict_of_module(module)) add_variable(Variable::Kind::global, dict, nullptr, dict);
    add_variable(Variable::Kind::global, modules, nullptr, modules);
}

void Graph::add_locals(const void* thread) {
    constexpr int kLocals = 72;  // of a frame of 3.11 and later
    constexpr unsigned kMaxFramesRead = 4096;
    const Layout& layout = *known_layout();
    const void* frame = innermost_frame_of(thread);
    for (unsigned i = 0; frame != nullptr && i < kMaxFramesRead; ++i, frame = at<const void*>(frame, layout.previous)) {
        const void* const code = at<const void*>(frame, layout.code);
        if (layout.minor < 11) {  // a frame is an object
            add_variable(Variable::Kind::local, code, nullptr, frame);
            continue;
        }
        if (code == nullptr || strcmp(type_name(type_of(code)), "code") != 0) continue;
        const void* const names = at<const void*>(code, layout.file - 16);
        const auto count = at<std::int64_t>(names, kLength);
        for (std::int64_t local = 0; local < count; ++local)
            add_variable(Variable::Kind::local, code, at<const void*>(names, static_cast<int>(24 + 8 * local)),
                         at<const void*>(frame, static_cast<int>(kLocals + 8 * local)));
    }
}

// Finds the sample that is the object itself.
void Graph::join(std::uint32_t node) {
    const std::uint64_t address = number_of(nodes_[node].object);
    for (const std::uint64_t before : kBeforeObject)
        if (Held* const held = sample_at(address - before); held != nullptr && before < held->size && held->node == kNone)
            held->node = node;
}

// Finds the samples that are memory of each object's own, which its fields point to. After all objects: others are no such memory.
void Graph::join_memory(std::uint32_t first) {
    for (std::uint32_t node = first; node < used_; ++node) join_memory_of(node);
}

void Graph::join_memory_of(std::uint32_t node) {
    const void* const object = nodes_[node].object;
    const void* const type = type_of(object);
    if ((type_flags(type) & (kIsLong | kIsTuple | kIsBytes | kIsString)) != 0) return;
    const auto basic_size = at<std::int64_t>(type, kBasicSize);
    const int end = static_cast<int>(basic_size < kMaxRead ? basic_size : kMaxRead) & ~7;
    for (int place = kHeadSize; place < end; place += 8)
        if (Held* const held = sample_at(at<std::uint64_t>(object, place)); held != nullptr && held->node == kNone) held->node = node;
    // Attributes in an array of their own (3.11, 3.12), which begins with up to 56 bytes for itself.
    if (known_layout()->minor < 11 || (type_flags(type) & kHasValues) == 0) return;
    for (int place = -32; place <= -24; place += 8) {
        const std::uint64_t values = (at<std::uint64_t>(object, place) + 7) & ~std::uint64_t{7};
        for (std::uint64_t before = 0; values != 0 && before <= 64; before += 8)
            if (Held* const held = sample_at(values - before); held != nullptr && before < held->size && held->node == kNone)
                held->node = node;
    }
}

// Each block belongs to the object that leads to it by the fewest steps, as structures of native code often lead to each other. What the
// interpreter's own objects lead to is known.
void Graph::join_native_memory() {
    constexpr double kWorthIt = 0.02;
    double all = 0, without_object = 0;
    for (std::uint32_t i = 0; i < held_count_; ++i) {
        all += held_[i].growth;
        if (held_[i].node == kNone) without_object += held_[i].growth;
    }
    NativeMemory memory;
    if ((!measured_ && without_object <= kWorthIt * all) || !memory.begin()) return;
    for (std::uint32_t node = 0; node < used_; ++node) {
        const void* const object = nodes_[node].object;
        if (!may_have_native_memory(object)) continue;
        const auto size = at<std::int64_t>(type_of(object), kBasicSize);
        for (int place = kHeadSize; place + 8 <= (size < kMaxRead ? size : kMaxRead); place += 8)
            memory.add(at<std::uint64_t>(object, place), node);
    }
    memory.follow([this](std::uint64_t block, std::uint64_t end, std::uint32_t node) {
        for (const std::uint64_t before : kBeforeObject)
            if (find(reinterpret_cast<const void*>(block + before)) != kNone) return false;  // it is Python's
        if (measured_) hold(block, end - block, node);
        if (Held* const held = sample_at(block); held != nullptr && held->node == kNone) held->node = node;
        return true;
    });
}

// What a threading.local has in each thread: in the dict of the thread's state, "thread.local.0x..." leads to an object of which the dict of
// attributes is the first field.
void Graph::add_thread_local(std::uint32_t node) {
    constexpr int kDictOfDummy = 16;
    char name[40];
    snprintf(name, sizeof name, "thread.local.%p", nodes_[node].object);
    for (unsigned i = 0; i < roots_.thread_count; ++i) {
        const void* const dict = at<const void*>(roots_.threads[i], known_layout()->thread_dict);
        std::ptrdiff_t position = 0;
        const void *key, *value;
        while (dict != nullptr && has_flag(dict, kIsDict) && interpreter.next_in_dict(dict, &position, &key, &value) != 0)
            if (has_flag(key, kIsString) && text_of(key) == name && strcmp(type_name(type_of(value)), "_thread._localdummy") == 0)
                add(at<const void*>(value, kDictOfDummy), node);
    }
}

// The collector knows no code objects: constants, names, instructions, lines.
void Graph::add_parts_of_code(std::uint32_t node) {
    constexpr int kUntil10[] = {48, 56, 64, 72, 80, 88, 104, 112, 120}, kSince11[] = {24, 32, 40, 96, 104, 112, 120, 128, 136};
    for (const int place : known_layout()->minor < 11 ? kUntil10 : kSince11) add(at<const void*>(nodes_[node].object, place), node);
}

// The collector does not visit the keys of a dict that has only strings for keys.
void Graph::add_text_keys(std::uint32_t node) {
    std::ptrdiff_t position = 0;
    const void *key, *value;
    while (interpreter.next_in_dict(nodes_[node].object, &position, &key, &value) != 0)
        if (has_flag(key, kIsString) && !has_flag(key, kHasCollector)) add(key, node);
}

void Graph::visit(std::uint32_t node) {
    join(node);
    const void* const object = nodes_[node].object;
    const void* const type = type_of(object);
    if (type == interpreter.code_type) return add_parts_of_code(node);
    if ((type_flags(type) & kHasCollector) == 0) return;
    const auto has_head = at<int (*)(const void*)>(type, kIsCollected);
    if (has_head != nullptr && has_head(object) == 0) {
        // A type of native code. Where one is lost, it still keeps its dict.
        if (has_flag(object, kIsType) && !is_lost(node)) add(at<const void*>(object, kTypeDict), node);
        return;
    }
    const auto traverse = at<int (*)(const void*, int (*)(const void*, void*), void*)>(type, kTraverse);
    Visit argument{this, node};
    if (traverse != nullptr) traverse(object, &visit_child, &argument);
    if (has_flag(object, kIsDict)) add_text_keys(node);
    if (is_thread_local(object)) add_thread_local(node);
}

void Graph::weigh() {
    for (std::uint32_t i = 0; i < held_count_; ++i)
        if (const Held& held = held_[i]; held.node != kNone) {
            Weight& weight = weights_[held.node];
            weight.bytes += held.bytes;
            weight.growth += held.growth;
            constexpr std::uint32_t kMeasured = 1000;  // no chance of sampling
            weight.samples += measured_ ? kMeasured : held.growth > 0 ? 1 : 0;
        }
    for (std::uint32_t node = used_; node-- > 0;)
        if (nodes_[node].parent != kNone) {
            Weight& parent = weights_[nodes_[node].parent];
            parent.bytes += weights_[node].bytes;
            parent.growth += weights_[node].growth;
            parent.samples += weights_[node].samples;
        }
}

}  // namespace leakline::agent::python
