#include "agent/internal/agent.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/internal/agent_lock.hpp"
#include "agent/internal/entry_patches.hpp"
#include "agent/internal/floating_point.hpp"
#include "agent/internal/probability.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/python_holders.hpp"
#include "agent/internal/real_functions.hpp"
#include "agent/internal/segment_mapping.hpp"
#include "agent/internal/stack_capture.hpp"
#include "agent/internal/stack_table.hpp"
#include "agent/internal/tables.hpp"
#include "agent/internal/thread_state.hpp"
#include "unwind/next_function.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

__thread ThreadState thread_state __attribute__((tls_model("initial-exec")));
constinit AddressFilter address_filter;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Of native code called by the innermost Python function, and of the interpreter below it.
constexpr unsigned kMaxNativeFrames = 24;

// Bytes that a thread allocates before it checks again whether the agent is on.
constexpr std::uint64_t kCheckAgain = 1 << 16;

// Whether the agent is on in this process. The kernel clears the page in a forked child (MADV_WIPEONFORK; by fork or raw clone), which
// then copies the samples it inherited (begin_in_child) at its first check.
enum class Work : std::uint32_t { not_begun = 0, on, beginning, off };
struct ForkMarker {
    std::atomic<Work> work;
    std::atomic<long> pid;             // of the process that the page belongs to (getpid); 0: not known yet
    std::atomic<std::uint32_t> opens;  // of descriptors and threads, in a child in which the agent has not begun
};

// Written with the lock held, or while the process has one thread.
constinit AgentLock agent_lock;
SegmentView segment;
std::uint64_t segment_bytes;
ForkMarker* fork_marker;
bool attached;  // to a running program: other processes are not recorded, and the segment goes when recording ends
// Copies of what is in the segment, for code that does not hold the lock.
std::atomic<std::uint64_t> interval_now, nested_calls;
constinit SampleTable samples;
constinit StackTable stacks;
std::uint64_t first_interval;
std::uint32_t one_block_in;  // SampleBudget; 0: none
char directory[3072];
char segment_path[sizeof directory + kLongestFileName];
std::uint64_t own_begin, own_end;  // where this library is loaded
bool sandboxed;                    // children are too

// The C library's own, which makes no system call (a strict sandbox allows none): another preloaded library may scale the usual one.
int (*read_clock)(clockid_t, timespec*) = ::clock_gettime;

void find_clock() {
    void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (libc == nullptr) return;
    if (void* const found = ::dlsym(libc, "clock_gettime")) read_clock = reinterpret_cast<int (*)(clockid_t, timespec*)>(found);
}

}  // namespace

std::uint64_t now_ns(clockid_t clock) {
    timespec now{};
    read_clock(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

namespace {

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, kRelaxed); }

void seed(ThreadState& thread) {
    std::uint64_t x = reinterpret_cast<std::uint64_t>(&thread) * 0x9e3779b97f4a7c15u ^ now_ns(CLOCK_MONOTONIC);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;  // splitmix64's finalizer (Steele et al., 2014)
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    thread.random = (x ^ x >> 31) | 1;
}

LoadedCode find_code(std::uint64_t address) {
    dl_find_object found;
    if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return {};
    const link_map* const map = found.dlfo_link_map;
    return {reinterpret_cast<std::uint64_t>(found.dlfo_map_start), reinterpret_cast<std::uint64_t>(found.dlfo_map_end),
            static_cast<std::uint64_t>(map->l_addr), map->l_name != nullptr ? std::string_view(map->l_name) : std::string_view()};
}

// ---- start

void begin_tables(const Mapping& mapping) {
    segment = mapping.view;
    segment_bytes = mapping.bytes;
    segment.header->started_ns = now_ns(CLOCK_MONOTONIC);
    interval_now.store(SamplingState::unpacked(segment.header->sampling.load(kRelaxed)).interval, kRelaxed);
    samples.begin(segment, address_filter, segment.header->exact != 0, mapping.all_there);
    stacks.begin(segment, find_code, mapping.all_there);
    begin_resources(segment, mapping.all_there);
}

// command: each argument ends with a 0.
void describe_program(std::string_view command) {
    static char text[4096];
    const ssize_t length = ::readlink("/proc/self/exe", text, sizeof text);
    if (length > 0) segment.header->executable.store(stacks.put_name({text, static_cast<std::size_t>(length)}), kRelaxed);
    segment.header->command.store(stacks.put_name(command), kRelaxed);
    segment.header->command_size.store(static_cast<std::uint32_t>(command.size()), kRelaxed);
}

std::string_view join_arguments(int argument_count, char** arguments) {
    static char text[4096];
    std::size_t size = 0;
    for (int i = 0; i < argument_count && size < sizeof text; ++i) {
        const std::size_t part = strnlen(arguments[i], sizeof text - size - 1);
        memcpy(text + size, arguments[i], part);
        size += part;
        text[size++] = '\0';
    }
    return {text, size};
}

void describe_own_allocator(const OwnAllocator& own) {
    segment.header->own_allocator_name.store(stacks.put_name(own.name), kRelaxed);
    segment.header->own_allocator_why.store(stacks.put_name(own.why), kRelaxed);
    segment.header->own_allocator.store(own.state, kRelaxed);
}

void find_own_code(char* name) {
    dl_find_object self;
    if (_dl_find_object(name, &self) != 0) return;
    own_begin = reinterpret_cast<std::uint64_t>(self.dlfo_map_start);
    own_end = reinterpret_cast<std::uint64_t>(self.dlfo_map_end);
}

bool make_fork_marker() {
    if (fork_marker != nullptr) return true;
    void* const page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    if (::madvise(page, kPage, MADV_WIPEONFORK) != 0) {
        ::munmap(page, kPage);
        return false;
    }
    fork_marker = static_cast<ForkMarker*>(page);
    fork_marker->pid.store(unwind::system_call(SYS_getpid), kRelaxed);
    return true;
}

// Reads the number at the start of text, and moves text behind it.
std::uint64_t read_number(const char*& text) {
    std::uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + static_cast<std::uint64_t>(*text - '0');
    return number;
}

constexpr std::uint64_t kMostBlocks = 1'000'000;
// What the stack of a Python function costs, in stacks of return addresses.
constexpr std::uint32_t kPythonCost = 10;

bool read_variable() {
    const char* text = ::getenv(kAgentVariable);
    if (text == nullptr) return false;
    const std::uint64_t interval = read_number(text);
    std::uint64_t blocks = 0;
    if (*text == '/') blocks = read_number(++text);
    if (*text != ':' || interval == 0 || interval > SamplingState::kLargestInterval || blocks > kMostBlocks) return false;
    const std::size_t length = strlen(++text);
    if (length == 0 || length >= sizeof directory) return false;
    memcpy(directory, text, length + 1);
    first_interval = interval;
    one_block_in = static_cast<std::uint32_t>(blocks);
    return true;
}

// Copies the samples that a forked child inherited. The parent continues to write to the segment that both have mapped; the child's are
// those with numbers up to the last one at the fork, which is in private memory. (A block that the parent frees before the child
// copies its sample is missing in the child.)
void take_over(const SegmentView& parents, std::uint64_t last_number) {
    const std::uint32_t used = parents.header->samples_used.load(std::memory_order_acquire);
    const std::uint32_t stack_count = parents.header->stacks_used.load(std::memory_order_acquire);
    const std::uint64_t interval = SamplingState::unpacked(segment.header->sampling.load(kRelaxed)).interval;
    for (std::uint32_t i = 0; i < used; ++i) {
        const Sample& there = parents.samples[i];
        const std::uint64_t number = there.number.load(std::memory_order_acquire);
        if (number == 0 || number > last_number) continue;
        SampledBlock block{there.address.load(kRelaxed), there.size.load(kRelaxed), there.at_ns.load(kRelaxed), there.stack.load(kRelaxed)};
        std::atomic_thread_fence(std::memory_order_acquire);
        if (there.number.load(kRelaxed) != number || block.stack >= stack_count) continue;
        const Stack& stack = parents.stacks[block.stack];
        block.stack = stack.depth == 0 ? 0 : stacks.find(parents.frames + stack.first, stack.depth);
        // Counted as allocated in the child too, so that no stack has more live blocks than allocations.
        if (!samples.insert(block)) continue;
        const double probability = sampling_probability(block.size, interval);
        segment.stacks[block.stack].allocations_q8.fetch_add(static_cast<std::uint64_t>(256 / probability + 0.5), kRelaxed);
        segment.stacks[block.stack].allocated_bytes.fetch_add(
            static_cast<std::uint64_t>(static_cast<double>(block.size) / probability + 0.5), kRelaxed);
        count(segment.header->sampled);
    }
}

// In a forked child of an attached process, which does not have the segment (MADV_DONTFORK): off, until an agent is attached to it too.
void leave_parents_recording() {
    agent_lock.forget();
    address_filter.reset(false);
    fork_marker->work.store(Work::off, std::memory_order_release);
}

bool begin_in_child() {
    Work expected = Work::not_begun;
    if (sandboxed) return false;
    if (!fork_marker->work.compare_exchange_strong(expected, Work::beginning, std::memory_order_acq_rel)) return expected == Work::on;
    if (attached) {
        leave_parents_recording();
        return false;
    }
    const SegmentView parents = segment;
    const std::uint64_t parents_bytes = segment_bytes, last_number = samples.last_number();
    Mapping mapping;
    const SamplingState state = SamplingState::unpacked(parents.header->sampling.load(kRelaxed));
    agent_lock.forget();
    python::begin_in_child();
    bool works = map_new_segment(directory, segment_path, parents.header->pid, parents.header->exact != 0 ? 1 : state.interval, mapping);
    if (works) {
        mapping.view.header->sampling.store(SamplingState{state.interval, SamplingState::kAllThinned}.packed(), kRelaxed);
        begin_tables(mapping);
        // The places of names stay, to which Python frames refer.
        works = stacks.copy_names(parents);
    }
    if (works) {
        SegmentHeader& header = *segment.header;
        header.executable.store(parents.header->executable.load(kRelaxed), kRelaxed);
        header.command.store(parents.header->command.load(kRelaxed), kRelaxed);
        header.command_size.store(parents.header->command_size.load(kRelaxed), kRelaxed);
        header.python.store(parents.header->python.load(kRelaxed), kRelaxed);
        header.own_allocator.store(parents.header->own_allocator.load(kRelaxed), kRelaxed);
        header.own_allocator_name.store(parents.header->own_allocator_name.load(kRelaxed), kRelaxed);
        header.own_allocator_why.store(parents.header->own_allocator_why.load(kRelaxed), kRelaxed);
        take_over(parents, last_number);
        segment.header->ready.store(1, std::memory_order_release);
    }
    ::munmap(parents.header, parents_bytes);
    if (!works) address_filter.reset(false);
    fork_marker->pid.store(unwind::system_call(SYS_getpid), kRelaxed);
    fork_marker->work.store(works ? Work::on : Work::off, std::memory_order_release);
    return works;
}

bool is_on() {
    if (fork_marker == nullptr) return false;
    const Work work = fork_marker->work.load(std::memory_order_acquire);
    return work == Work::on || (work == Work::not_begun && begin_in_child());
}

// A thread ended while it held the lock: the tables may be damaged, so recording stops.
void stop() {
    if (!attached) {
        segment.header->stopped.store(1, kRelaxed);
        count(segment.header->lost_locks);
    }
    fork_marker->work.store(Work::off, std::memory_order_release);
}

// Takes the lock, so that no sample is half written in the copy, and the segment stays.
python::Permission begin_copying(const SegmentHeader* asked) {
    if (fork_marker->work.load(std::memory_order_acquire) != Work::on) return python::Permission::other_process;
    if (!agent_lock.lock()) {
        stop();
        return python::Permission::other_process;
    }
    if (fork_marker->work.load(kRelaxed) != Work::on || asked != segment.header) {
        agent_lock.unlock();
        return python::Permission::other_process;
    }
    if (attached) ::madvise(segment.header, segment_bytes, MADV_DOFORK);
    return sandboxed ? python::Permission::sandboxed : python::Permission::given;
}
void end_copying() {
    if (attached) ::madvise(segment.header, segment_bytes, MADV_DONTFORK);
    agent_lock.unlock();
}
// In a copy of the process that only reads it: the agent stays off.
void begin_copy() { fork_marker->work.store(Work::off, std::memory_order_release); }

// Not in a child of vfork, which has this memory but not this process's children.
bool may_wait_for_copy() { return python::has_copy() && !sandboxed && fork_marker->pid.load(kRelaxed) == unwind::system_call(SYS_getpid); }

}  // namespace

void exec_begins() {
    constexpr unsigned kPatience_ms = 500;
    if (may_wait_for_copy()) python::drop_copy(kPatience_ms);
}

void begin_asked_search() {
    if (may_wait_for_copy()) python::reap_copy();
    SearchState asked = SearchState::asked;
    if (segment.header->search.load(kRelaxed) == asked &&
        segment.header->search.compare_exchange_strong(asked, SearchState::waiting, std::memory_order_acq_rel))
        (attached ? python::search_holders_here : python::search_holders)({segment, !attached, &begin_copying, &end_copying, &begin_copy});
}

LockedTables::LockedTables() {
    if (!is_on()) return;
    if (!agent_lock.lock()) {
        stop();
    } else if (fork_marker->work.load(kRelaxed) == Work::on) {
        locked_ = true;
    } else {  // it ended meanwhile, and the segment is gone
        agent_lock.unlock();
    }
}
LockedTables::~LockedTables() {
    if (locked_) agent_lock.unlock();
}

CapturedStack capture(ThreadState& thread, const void* frame) {
    const void* const python_frame = python::innermost_frame();
    const unsigned depth = capture_stack(frame, thread.frames, python_frame != nullptr ? kMaxNativeFrames : kMaxFrames);
    // Without our own: operator new, and hooks of functions that allocate (fopen).
    unsigned kept = 0;
    for (unsigned i = 0; i < depth; ++i)
        if (const std::uint64_t address = thread.frames[i]; address < own_begin || address >= own_end) thread.frames[kept++] = address;
    return {python_frame, kept > 0 ? kept : 1};
}

std::uint32_t put_stack(ThreadState& thread, CapturedStack& captured) {
    if (const PythonState loaded = python::notice(thread.frames[0]); loaded != PythonState::none)
        segment.header->python.store(loaded, kRelaxed);
    if (captured.python_frame != nullptr)
        captured.depth = python::put_functions(captured.python_frame, thread.frames, captured.depth, kMaxFrames, stacks);
    const std::uint32_t stack = stacks.find(thread.frames, captured.depth);
    if (stack == 0) count(segment.header->lost_stacks);
    return stack;
}

bool is_sandboxed() { return sandboxed; }

bool segment_may_go() { return attached; }

bool is_recording() { return fork_marker != nullptr && fork_marker->work.load(std::memory_order_acquire) == Work::on; }

bool has_recorded_resources() {
    return is_recording() && (sandboxed || fork_marker->pid.load(kRelaxed) == unwind::system_call(SYS_getpid));
}

bool records_resources() {
    constexpr std::uint32_t kOpensOfWorker = 16;
    if (fork_marker == nullptr) return false;
    if (fork_marker->work.load(std::memory_order_acquire) != Work::not_begun) return has_recorded_resources();
    const long pid = unwind::system_call(SYS_getpid);
    if (fork_marker->pid.exchange(pid, kRelaxed) != pid) fork_marker->opens.store(0, kRelaxed);
    return fork_marker->opens.fetch_add(1, kRelaxed) >= kOpensOfWorker && is_on();
}

namespace {

// ---- calls of the hooks

void add_to_stack(std::uint32_t stack, std::uint64_t size, std::uint64_t interval) {
    const double probability = sampling_probability(size, interval);
    const auto calls_q8 = static_cast<std::uint64_t>(256 / probability + 0.5);
    segment.stacks[stack].allocations_q8.fetch_add(calls_q8, kRelaxed);
    segment.stacks[stack].allocated_bytes.fetch_add(static_cast<std::uint64_t>(static_cast<double>(size) / probability + 0.5), kRelaxed);
    segment.header->allocations_q8.fetch_add(calls_q8, kRelaxed);
}

}  // namespace

bool choose(std::size_t size) {
    ThreadState& thread = thread_state;
    const OwnFloatingPoint floating_point;
    if (thread.busy) {  // in a signal handler
        count(nested_calls);
        thread.left = thread.interval > 1 ? bytes_to_next_sample(thread.random, thread.interval) : thread.interval == 1 ? 0 : kCheckAgain;
        return false;
    }
    if (is_nested(thread)) return false;
    const Inside inside(thread);
    if (!is_on()) {
        thread.left = kCheckAgain;
        thread.interval = 0;
        return false;
    }
    const std::uint64_t interval = interval_now.load(kRelaxed);
    bool chosen = true;
    if (thread.interval == 0) {  // the first call of this thread
        seed(thread);
        thread.interval = interval;
        thread.left = bytes_to_next_sample(thread.random, interval);
        if (size < thread.left) {
            thread.left -= size;
            return false;
        }
    } else if (thread.interval != interval) {
        // Chosen at a smaller interval: keep it with the ratio of the probabilities.
        chosen = next_uniform(thread.random) * sampling_probability(size, thread.interval) <= sampling_probability(size, interval);
        thread.interval = interval;
    }
    thread.left = bytes_to_next_sample(thread.random, interval);
    return chosen && (size != 0 || interval <= 1);
}

void record(void* block, std::size_t size, const void* frame) {
    ThreadState& thread = thread_state;
    if (block == nullptr || thread.busy) return;
    const int error = errno;
    {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        CapturedStack captured = capture(thread, frame);
        const std::uint64_t address = reinterpret_cast<std::uint64_t>(block), at = now_ns(CLOCK_MONOTONIC_COARSE);
        if (const LockedTables locked; locked) {
            SegmentHeader& header = *segment.header;
            SampledBlock stale;
            if (address_filter.may_be_sample(block) && samples.remove(address, stale)) count(header.unseen_frees);
            samples.thin_when_needed(thread.random, {captured.python_frame != nullptr ? kPythonCost * one_block_in : one_block_in, at});
            const std::uint64_t interval = SamplingState::unpacked(header.sampling.load(kRelaxed)).interval;
            interval_now.store(interval, kRelaxed);
            header.nested.store(nested_calls.load(kRelaxed), kRelaxed);
            const std::uint32_t stack = put_stack(thread, captured);
            count(header.sampled);
            if (header.stacks_used.load(kRelaxed) == 0 || !samples.insert({address, size, at, stack}))
                count(header.lost_samples);
            else
                add_to_stack(stack, size, interval);
        }
        // The segment of an attached agent may be gone by now: there its own thread looks.
        if (!attached) begin_asked_search();
    }
    errno = error;
}

bool forget(void* block, SampledBlock& was) {
    ThreadState& thread = thread_state;
    if (thread.busy) {
        if (thread.deferred_count < sizeof thread.deferred / sizeof thread.deferred[0]) thread.deferred[thread.deferred_count++] = block;
        return false;
    }
    bool sampled = false;
    with_tables([&] {
        sampled = samples.remove(reinterpret_cast<std::uint64_t>(block), was);
        if (sampled) count(segment.header->freed);
    });
    return sampled;
}

void remember(const SampledBlock& was) {
    with_tables([&] {
        if (!samples.insert(was)) count(segment.header->lost_samples);
    });
}

bool remember_part(const SampledBlock& part, std::uint64_t size) {
    if (part.size < size) {
        ThreadState& thread = thread_state;
        const OwnFloatingPoint floating_point;
        const std::uint64_t interval = interval_now.load(kRelaxed);
        if (thread.random == 0) seed(thread);
        if (next_uniform(thread.random) * sampling_probability(size, interval) > sampling_probability(part.size, interval)) return false;
    }
    remember(part);
    return true;
}

void start(int argument_count, char** arguments) {
    if (!read_variable()) return;
    const int error = errno;
    thread_state.busy = true;
    find_clock();
    static char name[] = "leakline-agent";
    unwind::take_name(name);
    find_own_code(name);
    Mapping mapping;
    if (make_fork_marker() && map_new_segment(directory, segment_path, 0, first_interval, mapping)) {
        begin_tables(mapping);
        describe_program(join_arguments(argument_count, arguments));
        const OwnAllocator& own = prepare_entry_hooks();
        put_entry_hooks();
        describe_own_allocator(own);
        segment.header->python.store(python::begin(), kRelaxed);
        fork_marker->work.store(Work::on, std::memory_order_release);
        segment.header->ready.store(1, std::memory_order_release);
    }
    thread_state.busy = false;
    draw_again(thread_state);
    errno = error;
}

namespace {

// The first time in this process, which may be a forked child: its threads may notice that at the same time (begin_in_child). False if one of
// them never gets done with it.
bool is_off_here() {
    constexpr int kTries = 1000;
    for (int tries = 0; tries < kTries; ++tries) {
        Work now = Work::not_begun;
        if (fork_marker->work.compare_exchange_strong(now, Work::beginning, std::memory_order_acq_rel)) leave_parents_recording();
        if (now != Work::beginning) return true;
        const timespec time{0, 1'000'000};
        unwind::system_call(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
    }
    return false;
}

}  // namespace

bool start_attached(int file, std::uint64_t interval, std::string_view command) {
    static char name[] = "leakline-attached";
    find_clock();
    unwind::take_name(name);
    find_own_code(name);
    Mapping mapping;
    if (!make_fork_marker() || !is_off_here() || !map_segment(file, 0, interval, mapping)) return false;
    ::madvise(mapping.view.header, mapping.bytes, MADV_DONTFORK);
    if (!agent_lock.lock()) {
        ::munmap(mapping.view.header, mapping.bytes);
        return false;
    }
    attached = true;
    begin_tables(mapping);
    begin_mappings();
    python::reset();
    fork_marker->pid.store(unwind::system_call(SYS_getpid), kRelaxed);
    describe_program(command);
    fork_marker->work.store(Work::on, std::memory_order_release);
    agent_lock.unlock();
    return true;
}

void attached_ready(PythonState python, const OwnAllocator& own) {
    if (const LockedTables locked; locked) {
        describe_own_allocator(own);
        if (python != PythonState::none) segment.header->python.store(python, kRelaxed);  // it may have been loaded since
        segment.header->ready.store(1, std::memory_order_release);
    }
}

void end_attached() {
    if (!agent_lock.lock()) return stop();
    fork_marker->work.store(Work::off, std::memory_order_release);
    ::munmap(segment.header, segment_bytes);
    segment = {};
    address_filter.reset(false);
    agent_lock.unlock();
}

void (*before_sandbox)() = nullptr;

void sandbox_begins() {
    if (before_sandbox != nullptr) return before_sandbox();
    ThreadState& thread = thread_state;
    if (thread.busy) return;
    const int error = errno;
    {
        const Inside inside(thread);
        bool on = false;
        if (const LockedTables locked; locked) {
            constexpr std::size_t kReserve = std::size_t{1} << 20;
            samples.last_request(4 * kReserve);
            stacks.last_request(kReserve);
            last_request_of_resources(kReserve / 16);
            sandboxed = on = true;
        }
        if (on) {
            // The first walk of a thread asks the kernel where its stack ends, which a strict sandbox forbids.
            capture_stack(__builtin_frame_address(0), thread.frames, kMaxFrames);
        }
    }
    errno = error;
}

void code_unloads() {
    begin_unloading();
    with_tables([] { python::begin_unloading(); });
}

void code_unloaded() {
    end_unloading();
    with_tables([] {
        python::end_unloading();
        stacks.code_unloaded();
    });
}

}  // namespace leakline::agent
