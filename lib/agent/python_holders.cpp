#include "agent/internal/python_holders.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/python_answer.hpp"
#include "agent/internal/python_graph.hpp"
#include "agent/internal/python_types.hpp"
#include "agent/internal/thread_state.hpp"
#include "system/copy_name.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent::python {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr unsigned kMaxThreads = 256, kMaxInterpreters = 64, kLongestSearch_s = 30, kBeat_us = 100'000, kNice = 10, kMaxHolders = 64;

// Written by the one search at a time, which the state of the segment allows.
Search search;
void* threads[kMaxThreads];
const void* sys_modules[kMaxInterpreters];
std::atomic<int> copy_pid;  // of the copy until its end is taken note of; 0: none
Graph graph;
TypeCounts type_counts;

// ---- which node holds

bool is_deque(const void* object) { return strcmp(type_name(type_of(object)), "collections.deque") == 0; }
bool is_set(const void* object) {
    return interpreter.is_subtype(type_of(object), interpreter.set_type) != 0 ||
           interpreter.is_subtype(type_of(object), interpreter.frozenset_type) != 0;
}
bool is_container(const void* object) { return has_flag(object, kIsList | kIsTuple | kIsDict) || is_set(object) || is_deque(object); }
std::int64_t items_of(const void* object) {
    if (has_flag(object, kIsList | kIsTuple | kIsDict) || is_deque(object)) return at<std::int64_t>(object, kLength);
    return is_set(object) ? at<std::int64_t>(object, 24) : -1;
}

// Whether the child is the dict of its parent's attributes.
bool is_attribute_dict(const void* parent, const void* child) {
    constexpr int kDict = 264, kDictOffset = 288;  // of a type
    if (!has_flag(child, kIsDict) || is_container(parent)) return false;
    if (is_thread_local(parent)) return true;
    if (has_flag(parent, kIsType)) return at<const void*>(parent, kDict) == child;
    const auto offset = at<std::int64_t>(type_of(parent), kDictOffset);
    if (offset > 0) return at<const void*>(parent, static_cast<int>(offset)) == child;
    for (int place = -32; place <= -24; place += 8)
        if ((type_flags(type_of(parent)) & (1ul << 4)) != 0 && at<const void*>(parent, place) == child) return true;
    return false;
}
// A dict of attributes. A threading.local has a dict for each thread, since 3.13 in a dict of its own.
bool has_attributes(std::uint32_t node) {
    const std::uint32_t parent = graph[node].parent;
    if (parent == Graph::kNone || !has_flag(graph[node].object, kIsDict)) return false;
    if (is_attribute_dict(graph[parent].object, graph[node].object)) return true;
    const std::uint32_t above = graph[parent].parent;
    return above != Graph::kNone && is_thread_local(graph[above].object);
}
bool is_namespace(std::uint32_t node) {
    const Graph::Node& n = graph[node];
    return !is_container(n.object) || has_attributes(node) ||
           (n.parent != Graph::kNone && type_of(graph[n.parent].object) == interpreter.function_type);
}

std::uint32_t holders[kMaxHolders];
unsigned holder_count;

void add_holder(std::uint32_t node) {
    if (holder_count < kMaxHolders) holders[holder_count++] = node;
}

// From a variable down to where the samples spread over many objects: into a part that has nearly all, and from what has names into each large
// part.
void descend(std::uint32_t node, double total, unsigned depth) {
    constexpr double kLarge = 0.05, kNearlyAll = 0.8;
    constexpr unsigned kMaxParts = 8, kDeepest = 12, kFewSamples = 8;
    const double all = graph.weight(node).growth;
    const double nearly_all = kNearlyAll * all;
    const bool has_names = is_namespace(node);
    const double least = has_names && kLarge * total < nearly_all ? kLarge * total : nearly_all;
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

void find_holders() {
    constexpr double kWorthSaying = 0.005;
    double total = 0;
    for (std::uint32_t i = 0; i < graph.held_count(); ++i) total += graph.held(i).growth;
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

// ---- paths

// The name of an attribute whose value is kept in the object itself. Makes the object's dict if it has none: only in a copy, and late.
const void* attribute_name(const void* object, const void* value) {
    const void** const place = interpreter.attributes(object);
    return place != nullptr && *place != nullptr ? key_of(*place, value) : nullptr;
}

const void* name_in_code(const void* code, std::int64_t index, bool from_end) {
    const Layout& layout = *known_layout();
    // co_localsplusnames since 3.11; before, co_varnames and co_freevars.
    const void* const names = at<const void*>(code, layout.minor >= 11 ? layout.file - 16 : from_end ? 80 : 72);
    const auto count = at<std::int64_t>(names, kLength);
    if (from_end) index += count;
    return index >= 0 && index < count ? at<const void*>(names, static_cast<int>(24 + 8 * index)) : nullptr;
}
std::int64_t index_in_tuple(const void* tuple, const void* item) {
    const auto count = at<std::int64_t>(tuple, kLength);
    for (std::int64_t i = 0; i < count; ++i)
        if (at<const void*>(tuple, static_cast<int>(24 + 8 * i)) == item) return i;
    return -1;
}

void put_name(const char* before, const void* name) {
    if (name == nullptr || !has_flag(name, kIsString)) return;
    put(before);
    put(text_of(name));
}

// Of a function to what its part (defaults, closure) leads to.
void put_step_of_function(const void* function, const void* part, const void* next) {
    const int arguments_place = known_layout()->minor < 11 ? 16 : known_layout()->minor == 11 ? 56 : 52;
    const void* const code = interpreter.code_of_function(function);
    if (part == interpreter.defaults(function)) {
        const std::int64_t first = at<int>(code, arguments_place) - at<std::int64_t>(part, kLength);
        put_name(" default argument ", name_in_code(code, first + index_in_tuple(part, next), false));
    } else if (part == interpreter.keyword_defaults(function)) {
        put_name(" default argument ", key_of(part, next));
    } else if (part == interpreter.closure(function)) {
        put_name(" closure variable ", name_in_code(code, index_in_tuple(part, next) - at<std::int64_t>(part, kLength), true));
    }
}

void put_step(std::uint32_t parent, std::uint32_t child, bool with_attributes) {
    const void* const from = graph[parent].object;
    const void* const to = graph[child].object;
    const std::uint32_t above = graph[parent].parent;
    if (above != Graph::kNone && type_of(graph[above].object) == interpreter.function_type && has_flag(from, kIsTuple | kIsDict) &&
        !is_attribute_dict(graph[above].object, from))
        return put_step_of_function(graph[above].object, from, to);
    if (has_flag(from, kIsDict)) {
        const void* const key = key_of(from, to);
        if (has_attributes(parent)) return put_name(".", key);
        if (key == nullptr || !has_flag(key, kIsString)) return put("[]");
        put_name("[\"", key);
        return put("\"]");
    }
    if (strcmp(type_name(type_of(from)), "functools._lru_cache_wrapper") == 0 && has_flag(to, kIsDict)) return put(" lru_cache");
    if (is_container(from)) return put("[]");
    if (is_attribute_dict(from, to) || type_of(from) == interpreter.function_type || type_of(from) == interpreter.cell_type) return;
    if (with_attributes) put_name(".", attribute_name(from, to));
}

void put_variable(const Variable& variable) {
    put_mark("variable\t");
    if (variable.kind == Variable::Kind::global) {
        put_mark("global\t");
        put(text_in(variable.owner, "__name__"));
        tab();
        put(text_in(variable.owner, "__file__"));
    } else {
        put_mark("local\t");
        put(text_of(at<const void*>(variable.owner, known_layout()->name)));
        tab();
        put(text_of(at<const void*>(variable.owner, known_layout()->file)));
    }
    tab();
    if (variable.name != nullptr) put(text_of(variable.name));
    tab();
    put_count(variable.kind == Variable::Kind::local ? at<int>(variable.owner, known_layout()->first_line) : 0);
    new_line();
}

// The same object may have a name in several modules: the first found is not the one that makes it.
void put_other_variables(const void* object, const Variable& known) {
    std::ptrdiff_t position = 0;
    const void *key, *module;
    const void* const modules = interpreter.modules();
    while (interpreter.next_in_dict(modules, &position, &key, &module) != 0) {
        if (interpreter.is_subtype(type_of(module), interpreter.module_type) == 0) continue;
        const void* const dict = interpreter.dict_of_module(module);
        if (dict == nullptr || dict == known.owner) continue;
        if (const void* const name = key_of(dict, object); name != nullptr && has_flag(name, kIsString))
            put_variable({Variable::Kind::global, dict, name});
    }
}

// The type of the node's parts that have most of the bytes.
const void* main_type_below(std::uint32_t node) {
    constexpr unsigned kMaxTypes = 16;
    const void* types[kMaxTypes];
    double weights[kMaxTypes];
    unsigned count = 0;
    for (auto [child, end] = graph.children(node); child < end; ++child) {
        if (graph.weight(child).growth <= 0) continue;
        const void* const type = type_of(graph[child].object);
        unsigned i = 0;
        while (i < count && types[i] != type) ++i;
        if (i == kMaxTypes) continue;
        if (i == count) types[count] = type, weights[count++] = 0;
        weights[i] += graph.weight(child).growth;
    }
    unsigned most = 0;
    for (unsigned i = 1; i < count; ++i)
        if (weights[i] > weights[most]) most = i;
    return count > 0 ? types[most] : nullptr;
}

void put_holder(std::uint32_t node, bool with_attributes) {
    const void* const object = graph[node].object;
    const std::int64_t items = items_of(object);
    put_mark("holder\t");
    put_count(graph.weight(node).bytes);
    tab();
    put_count(graph.weight(node).growth);
    tab();
    put_type(type_of(object));
    tab();
    if (items >= 0) put_count(static_cast<double>(items));
    tab();
    if (const void* const type = items > 0 ? main_type_below(node) : nullptr) put_type(type);
    new_line();
    constexpr unsigned kMaxSteps = 64;
    std::uint32_t path[kMaxSteps];
    unsigned steps = 0;
    std::uint32_t top = node;
    for (; graph[top].parent != Graph::kNone; top = graph[top].parent)
        if (steps < kMaxSteps) path[steps++] = top;
    put_variable(graph.variable(top));
    if (graph.variable(top).kind == Variable::Kind::global) put_other_variables(graph[top].object, graph.variable(top));
    put_mark("path\t");
    while (steps > 0) {
        --steps;
        put_step(graph[path[steps]].parent, path[steps], with_attributes);
    }
    new_line();
}

// ---- the lines that allocated what a holder has

struct FrameBytes {
    std::uint64_t frame;
    double bytes;
};
constexpr unsigned kFrameTable = 1 << 14;
FrameBytes frame_table[kFrameTable];

void count_frames(const Graph::Held& held) {
    const Stack& stack = search.segment.stacks[held.stack];
    const std::uint64_t* const frames = search.segment.frames + stack.first;
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
        if (frame.file < search.segment.header->sizes.names) {
            put_mark("frame\t");
            put(search.segment.names + frame.file);
            tab();
            put_count(frame.line);
            tab();
            put_count(entry.bytes);
            new_line();
        }
        entry = {};
    }
}

// The holder of each node, + 1.
std::uint8_t* owners() {
    auto* const owner = reserve<std::uint8_t>(graph.size() + 1);
    if (owner == nullptr) return nullptr;
    for (unsigned i = 0; i < holder_count; ++i) owner[holders[i]] = static_cast<std::uint8_t>(i + 1);
    for (std::uint32_t node = 0; node < graph.size(); ++node)
        if (owner[node] == 0 && graph[node].parent != Graph::kNone) owner[node] = owner[graph[node].parent];
    return owner;
}

template <class Belongs>
void put_frames_of(const Belongs& belongs) {
    for (std::uint32_t i = 0; i < graph.held_count(); ++i)
        if (const Graph::Held& held = graph.held(i); held.growth > 0 && belongs(held)) count_frames(held);
    put_frames();
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

void write_answer(const std::uint8_t* owner, bool with_attributes) {
    const auto owner_of = [&](const Graph::Held& held) {
        return held.node == Graph::kNone || graph.is_lost(held.node) ? 0u : owner[held.node];
    };
    put_program();
    for (unsigned holder = 0; holder < holder_count; ++holder) {
        put_holder(holders[holder], with_attributes);
        put_frames_of([&](const Graph::Held& held) { return owner_of(held) == holder + 1; });
    }
    put_mark("others\n");
    put_frames_of([&](const Graph::Held& held) { return owner_of(held) == 0 && !graph.is_garbage(held.node); });
    put_lost();
    if (type_counts.count(graph, search.all_sampled)) type_counts.put();
    end_answer();
}

// ---- the copy

// False: it has ended, and the kernel has forgotten it; or it is no child of this process.
bool is_running_copy(int pid) { return unwind::system_call(SYS_wait4, pid, 0, static_cast<long>(WNOHANG) | __WCLONE, 0) == 0; }

[[noreturn]] void end_copy() {
    unwind::system_call(SYS_exit_group, 0);
    __builtin_unreachable();
}

// Readers see by it that the copy has not been killed.
void search_goes_on() {
    static unsigned beats;
    search.segment.header->search_beat.fetch_add(1, kRelaxed);
    if (++beats > kLongestSearch_s * (1'000'000 / kBeat_us)) end_copy();
}

void leave_the_programs_world() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < 65; ++number) ::sigaction(number, &standard, nullptr);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::setpriority(PRIO_PROCESS, 0, kNice);
    ::prctl(PR_SET_NAME, kCopyName);
    struct sigaction beat {};
    beat.sa_handler = [](int) { search_goes_on(); };
    ::sigaction(SIGALRM, &beat, nullptr);
    sigset_t nothing;
    ::sigemptyset(&nothing);
    ::sigprocmask(SIG_SETMASK, &nothing, nullptr);
    const itimerval every{{0, kBeat_us}, {0, kBeat_us}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
}

// The program's files and connections must not stay open when the program closes them.
void close_all() {
    if (unwind::system_call(SYS_close_range, 0, ~0u, 0) == 0) return;
    constexpr long kMost = 1 << 20;  // Linux before 5.9 closes one by one
    rlimit limit{};
    const long most = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < kMost ? static_cast<long>(limit.rlim_cur) : kMost;
    for (long file = 0; file < most; ++file) unwind::system_call(SYS_close, file);
}

sigjmp_buf after_fault;
void leave_fault(int) { siglongjmp(after_fault, 1); }

// For what may meet objects that are half made. False: it did, and its work ended there.
template <class Work>
bool survives(const Work& work) {
    struct sigaction action {};
    action.sa_handler = &leave_fault;
    action.sa_flags = SA_NODEFER;
    for (const int number : {SIGSEGV, SIGBUS}) ::sigaction(number, &action, nullptr);
    const bool whole = sigsetjmp(after_fault, 0) == 0;
    if (whole) work();
    action.sa_handler = SIG_DFL;
    for (const int number : {SIGSEGV, SIGBUS}) ::sigaction(number, &action, nullptr);
    return whole;
}

// sys.modules of an interpreter. No function returns it for another than the thread's own, but it has the same place in each.
const void* modules_of(const void* other) {
    constexpr int kLastPlace = 1 << 14;
    const void* const own = interpreter.modules();
    for (int place = 0; place < kLastPlace; place += 8)
        if (at<const void*>(interpreter.main_interpreter(), place) == own) return at<const void*>(other, place);
    return nullptr;
}

enum class Interpreters { main_only, all };

bool build_from(Interpreters which) {
    Roots roots{threads, 0, sys_modules, 0};
    void* const main = interpreter.main_interpreter();
    for (void* i = interpreter.first_interpreter(); i != nullptr && roots.interpreter_count < kMaxInterpreters;
         i = interpreter.next_interpreter(i)) {
        if (i != main && which == Interpreters::main_only) continue;
        const void* const its_modules = i == main ? interpreter.modules() : modules_of(i);
        if (its_modules == nullptr || !has_flag(its_modules, kIsDict)) continue;
        sys_modules[roots.interpreter_count++] = its_modules;
        for (void* t = interpreter.first_thread(i); t != nullptr && roots.thread_count < kMaxThreads; t = interpreter.next_thread(t))
            threads[roots.thread_count++] = t;
    }
    return graph.build(search.segment, roots, search.segment.header->search_since_ns.load(kRelaxed));
}

// Other interpreters may have locks of their own, and so objects that are half made.
void build_graph() {
    bool built = false;
    const bool others = interpreter.next_interpreter(interpreter.first_interpreter()) != nullptr;
    if (others && survives([&] { built = build_from(Interpreters::all); }) && built) return;
    graph = {};
    if (!build_from(Interpreters::main_only)) end_copy();
}

[[noreturn]] int search_in_copy(void*) {
    search.begin_copy();
    leave_the_programs_world();
    close_all();
    const long oom = unwind::system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/oom_score_adj"), O_WRONLY | O_CLOEXEC);
    if (oom >= 0) {
        unwind::system_call(SYS_write, oom, reinterpret_cast<long>("1000"), 4);
        unwind::system_call(SYS_close, oom);
    }
    begin_answers(search.segment);
    build_graph();
    find_holders();
    const std::uint8_t* const owner = owners();
    if (owner == nullptr) end_copy();
    // The last answer counts. What follows reads objects that may be half made; names of attributes may need memory of the program's
    // allocator, which another thread may have left locked.
    write_answer(owner, false);
    survives([] { graph.add_lost(); });
    write_answer(owner, false);
    if (interpreter.disable_collector != nullptr || known_layout()->minor < 10) {
        if (interpreter.disable_collector != nullptr) interpreter.disable_collector();
        write_answer(owner, true);
    }
    search.segment.header->search.store(SearchState::done, std::memory_order_release);
    end_copy();
}

// The copy is a child that sends no signal when it ends: the program's own waiting (wait, waitpid, waitid) never sees it. An orphan would
// be left to process 1, which in a container is the program itself.
void make_copy() {
    drop_copy();
    constexpr std::size_t kStack = std::size_t{256} << 10;
    void* const stack = ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pid = -1;
    if (stack != MAP_FAILED) {
        pid = ::clone(&search_in_copy, static_cast<char*>(stack) + kStack, 0, nullptr);
        ::munmap(stack, kStack);
    }
    if (pid > 0)
        copy_pid.store(pid);
    else
        search.segment.header->search.store(SearchState::impossible, std::memory_order_release);
}

// With the interpreter's lock held, and no instruction begun.
void copy_now() {
    const int error = errno;
    const std::uint64_t begin = now_ns(CLOCK_MONOTONIC);
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    // A forked child inherits the call, but not the segment, which it may have unmapped.
    const Permission permission = search.begin(search.segment.header);
    if (permission != Permission::other_process) {
        SegmentHeader& header = *search.segment.header;
        // A reader that no longer waits has withdrawn its request.
        SearchState expected = SearchState::waiting;
        const SearchState next = permission == Permission::sandboxed ? SearchState::impossible : SearchState::searching;
        if (header.search.compare_exchange_strong(expected, next) && next == SearchState::searching) make_copy();
        header.search_ns.store(now_ns(CLOCK_MONOTONIC) - begin, kRelaxed);
        search.end();
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    errno = error;
}

int copy_between_instructions(void*) {
    ThreadState& thread = thread_state;
    if (thread.busy) return 0;
    thread.busy = true;
    copy_now();
    asm volatile("" : : : "memory");
    thread.busy = false;
    return 0;
}

bool may_search(const Search& asked) {
    search = asked;
    SegmentHeader& header = *search.segment.header;
    if (interpreter.add_pending_call == nullptr || known_layout() == nullptr) header.search.store(SearchState::impossible, kRelaxed);
    // Its lock exists while the interpreter does.
    else if (interpreter.is_initialized() == 0 || interpreter.is_finalizing() != 0)
        header.search.store(SearchState::asked, kRelaxed);
    else
        return true;
    return false;
}

}  // namespace

bool has_copy() { return copy_pid.load(kRelaxed) != 0; }

void reap_copy() {
    if (int pid = copy_pid.load(kRelaxed); pid != 0 && !is_running_copy(pid)) copy_pid.compare_exchange_strong(pid, 0);
}

void drop_copy() {
    const int pid = copy_pid.exchange(0);
    if (pid == 0 || !is_running_copy(pid)) return;
    unwind::system_call(SYS_kill, pid, SIGKILL);
    for (int i = 0; i < 1000 && is_running_copy(pid); ++i) {
        const timespec time{0, 1'000'000};
        unwind::system_call(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
    }
}

void search_holders(const Search& asked) {
    // The queue may be full: then it is tried again.
    if (may_search(asked) && interpreter.add_pending_call(&copy_between_instructions, nullptr) != 0)
        search.segment.header->search.store(SearchState::asked, kRelaxed);
}

void search_holders_here(const Search& asked) {
    if (!may_search(asked)) return;
    const int state = interpreter.take_lock();
    copy_now();
    interpreter.give_lock(state);
}

}  // namespace leakline::agent::python
