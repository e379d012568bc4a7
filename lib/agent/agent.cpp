#include "agent/internal/agent.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "agent/internal/agent_lock.hpp"
#include "agent/internal/probability.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/python_holders.hpp"
#include "agent/internal/stack_capture.hpp"
#include "agent/internal/stack_table.hpp"
#include "agent/internal/thread_state.hpp"
#include "unwind/backtrace.hpp"
#include "unwind/next_function.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

__thread ThreadState thread_state __attribute__((tls_model("initial-exec")));
constinit AddressFilter address_filter;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// With every block sampled, there is room for 8 million live blocks; memory is used only as they are recorded.
constexpr SegmentSizes kSampledSizes{1u << 16, 1u << 13, 1u << 15, 1u << 13, 1u << 20, 1u << 11, 1u << 19};
constexpr SegmentSizes kExactSizes{1u << 23, 1u << 18, 1u << 18, 1u << 14, 1u << 22, 1u << 12, 1u << 20};
static_assert(kExactSizes.samples < SamplingState::kAllThinned && kExactSizes.names <= 1u << PythonFrame::kNameBits);

// Of native code called by the innermost Python function, and of the interpreter below it.
constexpr unsigned kMaxNativeFrames = 24;

// Bytes that a thread allocates before it checks again whether the agent is on.
constexpr std::uint64_t kCheckAgain = 1 << 16;

// Whether the agent is on in this process. The kernel clears the page in a forked child (MADV_WIPEONFORK; by fork or raw clone), which
// then copies the samples it inherited (begin_in_child) at its first check.
enum class Work : std::uint32_t { not_begun = 0, on, beginning, off };
struct ForkMarker {
    std::atomic<Work> work;
};

// Written with the lock held, or while the process has one thread.
constinit AgentLock agent_lock;
SegmentView segment;
std::uint64_t segment_bytes;
ForkMarker* fork_marker;
constinit SampleTable samples;
constinit StackTable stacks;
std::uint64_t first_interval;
char directory[3072];
char segment_path[sizeof directory + 32];
std::uint64_t own_begin, own_end;  // where this library is loaded
bool sandboxed;                    // children are too

// Keeps the program's rounding mode, exception flags and traps apart from the agent's arithmetic.
class OwnFloatingPoint {
  public:
    OwnFloatingPoint() : programs_(_mm_getcsr()) { _mm_setcsr(kDefault); }
    ~OwnFloatingPoint() { _mm_setcsr(programs_); }

  private:
    static constexpr unsigned kDefault = 0x1f80;
    const unsigned programs_;
};

// The C library's own, which makes no system call (a strict sandbox allows none): another preloaded library may scale the usual one.
int (*read_clock)(clockid_t, timespec*) = ::clock_gettime;

void find_clock() {
    void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (libc == nullptr) return;
    if (void* const found = ::dlsym(libc, "clock_gettime")) read_clock = reinterpret_cast<int (*)(clockid_t, timespec*)>(found);
}

std::uint64_t now_ns(clockid_t clock) {
    timespec now{};
    read_clock(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

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

// ---- the segment's file

// The process ID that /proc shows, which readers use; in a PID namespace of its own, getpid() returns another.
std::int32_t own_pid() {
    char text[16];
    const long length =
        unwind::system_call(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/self"), reinterpret_cast<long>(text), sizeof text - 1);
    if (length <= 0) return static_cast<std::int32_t>(unwind::system_call(SYS_getpid));
    std::int32_t pid = 0;
    for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) pid = pid * 10 + (text[i] - '0');
    return pid;
}

char* put_number(char* at, unsigned number) {
    char digits[12];
    int size = 0;
    do digits[size++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (size > 0) *at++ = digits[--size];
    return at;
}

int create_file(std::int32_t pid, char* path) {
    char* const base = stpcpy(path, directory);
    constexpr unsigned kMaxExecs = 10'000;
    for (unsigned execs = 0; execs < kMaxExecs; ++execs) {
        char* at = base;
        *at++ = '/';
        at = put_number(at, static_cast<unsigned>(pid));
        *at++ = '.';
        *put_number(at, execs) = '\0';
        const long file = unwind::system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path),
                                              O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file >= 0) return static_cast<int>(file);
        if (file != -EEXIST) return -1;
    }
    return -1;
}

// A process that makes a file larger than RLIMIT_FSIZE gets SIGXFSZ.
bool may_have_size(std::uint64_t bytes) {
    rlimit limit{};
    return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

struct Mapping {
    SegmentView view;
    bool all_there = false;
};

void* map_file(int file, std::uint64_t bytes) {
    if (!may_have_size(bytes) || unwind::system_call(SYS_ftruncate, file, static_cast<long>(bytes)) != 0) return MAP_FAILED;
    return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

// Allocates the pages of the header and the heads; the others are allocated when needed, or all now (before Linux 5.14).
bool make_usable(int file, void* base, const SegmentSizes& sizes, bool& all_there) {
    const SegmentLayout layout = layout_of(sizes);
    if (populate(base, layout.samples)) return true;
    constexpr std::uint64_t kMaxAtOnce = std::uint64_t{32} << 20;
    all_there = layout.bytes <= kMaxAtOnce && unwind::system_call(SYS_fallocate, file, 0, 0, static_cast<long>(layout.bytes)) == 0;
    return all_there;
}

bool map_new_segment(std::int32_t parent, std::uint64_t interval, Mapping& mapping) {
    const std::int32_t pid = own_pid();
    const int file = create_file(pid, segment_path);
    if (file < 0) return false;
    void* base = MAP_FAILED;
    const SegmentSizes* chosen = nullptr;
    for (const SegmentSizes* sizes : {&kExactSizes, &kSampledSizes}) {
        if (sizes == &kExactSizes && interval > 1) continue;
        const std::uint64_t bytes = layout_of(*sizes).bytes;
        base = map_file(file, bytes);
        if (base == MAP_FAILED) continue;
        if (make_usable(file, base, *sizes, mapping.all_there)) {
            chosen = sizes;
            segment_bytes = bytes;
            break;
        }
        ::munmap(base, bytes);
    }
    unwind::system_call(SYS_close, file);
    if (chosen == nullptr) {
        unwind::system_call(SYS_unlinkat, AT_FDCWD, reinterpret_cast<long>(segment_path), 0);
        return false;
    }
    mapping.view = SegmentView::at(base, *chosen);
    SegmentHeader& header = *mapping.view.header;
    header.magic = kSegmentMagic;
    header.version = kSegmentVersion;
    header.pid = pid;
    header.parent = parent;
    header.started_ns = now_ns(CLOCK_MONOTONIC);
    header.exact = interval <= 1;
    header.sizes = *chosen;
    header.sampling.store(SamplingState{interval, SamplingState::kAllThinned}.packed(), kRelaxed);
    return true;
}

// ---- start

void begin_tables(const Mapping& mapping) {
    segment = mapping.view;
    samples.begin(segment, address_filter, segment.header->exact != 0, mapping.all_there);
    stacks.begin(segment, find_code, mapping.all_there);
}

void describe_program(int argument_count, char** arguments) {
    static char text[4096];
    const ssize_t length = ::readlink("/proc/self/exe", text, sizeof text);
    if (length > 0) segment.header->executable.store(stacks.put_name({text, static_cast<std::size_t>(length)}), kRelaxed);
    std::size_t size = 0;
    for (int i = 0; i < argument_count && size < sizeof text; ++i) {
        const std::size_t part = strnlen(arguments[i], sizeof text - size - 1);
        memcpy(text + size, arguments[i], part);
        size += part;
        text[size++] = '\0';
    }
    segment.header->command.store(stacks.put_name({text, size}), kRelaxed);
    segment.header->command_size.store(static_cast<std::uint32_t>(size), kRelaxed);
}

bool read_variable() {
    const char* text = ::getenv(kAgentVariable);
    if (text == nullptr) return false;
    std::uint64_t interval = 0;
    for (; *text >= '0' && *text <= '9'; ++text) interval = interval * 10 + static_cast<std::uint64_t>(*text - '0');
    if (*text != ':' || interval == 0 || interval > SamplingState::kLargestInterval) return false;
    const std::size_t length = strlen(++text);
    if (length == 0 || length >= sizeof directory) return false;
    memcpy(directory, text, length + 1);
    first_interval = interval;
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

bool begin_in_child() {
    Work expected = Work::not_begun;
    if (sandboxed) return false;
    if (!fork_marker->work.compare_exchange_strong(expected, Work::beginning, std::memory_order_acq_rel)) return expected == Work::on;
    const SegmentView parents = segment;
    const std::uint64_t parents_bytes = segment_bytes, last_number = samples.last_number();
    Mapping mapping;
    const SamplingState state = SamplingState::unpacked(parents.header->sampling.load(kRelaxed));
    agent_lock.forget();
    bool works = map_new_segment(parents.header->pid, parents.header->exact != 0 ? 1 : state.interval, mapping);
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
        take_over(parents, last_number);
        segment.header->ready.store(1, std::memory_order_release);
    }
    ::munmap(parents.header, parents_bytes);
    if (!works) address_filter.reset(false);
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
    segment.header->stopped.store(1, kRelaxed);
    count(segment.header->lost_locks);
    fork_marker->work.store(Work::off, std::memory_order_release);
}

python::Permission permission_to_copy(const SegmentHeader* asked) {
    if (fork_marker->work.load(std::memory_order_acquire) != Work::on || asked != segment.header) return python::Permission::other_process;
    return sandboxed ? python::Permission::sandboxed : python::Permission::given;
}
// In a copy of the process that only reads it: the agent stays off.
void begin_copy() { fork_marker->work.store(Work::off, std::memory_order_release); }

// ---- calls of the hooks

class Inside {
  public:
    explicit Inside(ThreadState& thread) : thread_(thread) { thread.busy = true; }
    ~Inside() {
        asm volatile("" : : : "memory");
        thread_.busy = false;
        while (thread_.deferred_count > 0) {
            void* const block = thread_.deferred[--thread_.deferred_count];
            SampledBlock was;
            forget(block, was);
        }
    }

  private:
    ThreadState& thread_;
};

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
        if (segment.header != nullptr) count(segment.header->nested);
        thread.left = thread.interval > 1 ? bytes_to_next_sample(thread.random, thread.interval) : thread.interval == 1 ? 0 : kCheckAgain;
        return false;
    }
    const Inside inside(thread);
    if (!is_on()) {
        thread.left = kCheckAgain;
        thread.interval = 0;
        return false;
    }
    const std::uint64_t interval = SamplingState::unpacked(segment.header->sampling.load(kRelaxed)).interval;
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
        const std::uint64_t* frames = thread.frames;
        const void* const python_frame = python::innermost_frame();
        unsigned depth = capture_stack(frame, thread.frames, python_frame != nullptr ? kMaxNativeFrames : kMaxFrames);
        unsigned skipped = 0;
        // Skip the frames of our own operator new.
        while (depth > 1 && frames[0] >= own_begin && frames[0] < own_end) ++frames, --depth, ++skipped;
        const std::uint64_t address = reinterpret_cast<std::uint64_t>(block), at = now_ns(CLOCK_MONOTONIC_COARSE);
        if (!agent_lock.lock()) {
            stop();
        } else {
            SampledBlock stale;
            if (address_filter.may_be_sample(block) && samples.remove(address, stale)) count(segment.header->unseen_frees);
            samples.thin_when_nearly_full(thread.random);
            const std::uint64_t interval = SamplingState::unpacked(segment.header->sampling.load(kRelaxed)).interval;
            if (python_frame != nullptr)
                depth = python::put_functions(python_frame, thread.frames + skipped, depth, kMaxFrames - skipped, stacks);
            const std::uint32_t stack = stacks.find(frames, depth);
            if (stack == 0) count(segment.header->lost_stacks);
            count(segment.header->sampled);
            if (segment.header->stacks_used.load(kRelaxed) == 0 || !samples.insert({address, size, at, stack}))
                count(segment.header->lost_samples);
            else
                add_to_stack(stack, size, interval);
            agent_lock.unlock();
        }
        SearchState asked = SearchState::asked;
        if (segment.header->search.load(kRelaxed) == asked &&
            segment.header->search.compare_exchange_strong(asked, SearchState::waiting, std::memory_order_acq_rel))
            python::search_holders({segment, segment_path, &permission_to_copy, &begin_copy});
    }
    errno = error;
}

bool forget(void* block, SampledBlock& was) {
    ThreadState& thread = thread_state;
    if (thread.busy) {
        if (thread.deferred_count < sizeof thread.deferred / sizeof thread.deferred[0]) thread.deferred[thread.deferred_count++] = block;
        return false;
    }
    const int error = errno;
    bool sampled = false;
    {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        if (is_on()) {
            if (!agent_lock.lock()) {
                stop();
            } else {
                sampled = samples.remove(reinterpret_cast<std::uint64_t>(block), was);
                if (sampled) count(segment.header->freed);
                agent_lock.unlock();
            }
        }
    }
    errno = error;
    return sampled;
}

void remember(const SampledBlock& was) {
    ThreadState& thread = thread_state;
    if (thread.busy) return;
    const int error = errno;
    {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        if (is_on() && agent_lock.lock()) {
            if (!samples.insert(was)) count(segment.header->lost_samples);
            agent_lock.unlock();
        }
    }
    errno = error;
}

void start(int argument_count, char** arguments) {
    if (!read_variable()) return;
    const int error = errno;
    thread_state.busy = true;
    find_clock();
    static char name[] = "leakline-agent";
    unwind::take_name(name);
    dl_find_object self;
    if (_dl_find_object(name, &self) == 0) {
        own_begin = reinterpret_cast<std::uint64_t>(self.dlfo_map_start);
        own_end = reinterpret_cast<std::uint64_t>(self.dlfo_map_end);
    }
    void* const page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Mapping mapping;
    if (page != MAP_FAILED && ::madvise(page, kPage, MADV_WIPEONFORK) == 0 && map_new_segment(0, first_interval, mapping)) {
        begin_tables(mapping);
        describe_program(argument_count, arguments);
        segment.header->python.store(python::begin(), kRelaxed);
        auto* const marker = static_cast<ForkMarker*>(page);
        marker->work.store(Work::on, std::memory_order_release);
        fork_marker = marker;
        segment.header->ready.store(1, std::memory_order_release);
    }
    thread_state.busy = false;
    thread_state.left = 0;
    thread_state.interval = 0;
    errno = error;
}

void sandbox_begins() {
    ThreadState& thread = thread_state;
    if (thread.busy) return;
    const int error = errno;
    {
        const Inside inside(thread);
        if (is_on() && agent_lock.lock()) {
            constexpr std::size_t kReserve = std::size_t{1} << 20;
            samples.last_request(4 * kReserve);
            stacks.last_request(kReserve);
            sandboxed = true;
            agent_lock.unlock();
            // The first walk of a thread asks the kernel where its stack ends, which a strict sandbox forbids.
            capture_stack(__builtin_frame_address(0), thread.frames, kMaxFrames);
        }
    }
    errno = error;
}

void code_unloads() { unwind::code_unloads(); }

void code_unloaded() {
    unwind::code_unloaded();
    ThreadState& thread = thread_state;
    if (thread.busy) return;
    const int error = errno;
    {
        const Inside inside(thread);
        if (is_on() && agent_lock.lock()) {
            stacks.code_unloaded();
            agent_lock.unlock();
        }
    }
    errno = error;
}

}  // namespace leakline::agent
