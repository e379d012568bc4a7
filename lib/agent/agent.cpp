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

#include "agent/internal/entry_patches.hpp"
#include "agent/internal/process_state.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/python_holders.hpp"
#include "agent/internal/real_functions.hpp"
#include "agent/internal/segment_mapping.hpp"
#include "agent/internal/stack_capture.hpp"
#include "agent/internal/tables.hpp"
#include "agent/internal/thread_state.hpp"
#include "unwind/next_function.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

constinit ProcessState process;

namespace {

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

LoadedCode find_code(std::uint64_t address) {
    dl_find_object found;
    if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return {};
    const link_map* const map = found.dlfo_link_map;
    return {reinterpret_cast<std::uint64_t>(found.dlfo_map_start), reinterpret_cast<std::uint64_t>(found.dlfo_map_end),
            static_cast<std::uint64_t>(map->l_addr), map->l_name != nullptr ? std::string_view(map->l_name) : std::string_view()};
}

}  // namespace

void begin_tables(const Mapping& mapping) {
    process.segment = mapping.view;
    process.segment_bytes = mapping.bytes;
    process.segment.header->started_ns = now_ns(CLOCK_MONOTONIC);
    process.interval_now.store(SamplingState::unpacked(process.segment.header->sampling.load(kRelaxed)).interval, kRelaxed);
    process.samples.begin(process.segment, address_filter, process.segment.header->exact != 0, mapping.all_there);
    process.stacks.begin(process.segment, find_code, mapping.all_there);
    begin_resources(process.segment, mapping.all_there);
}

namespace {

// command: each argument ends with a 0.
void describe_program(std::string_view command) {
    static char text[4096];
    const ssize_t length = ::readlink("/proc/self/exe", text, sizeof text);
    if (length > 0) process.segment.header->executable.store(process.stacks.put_name({text, static_cast<std::size_t>(length)}), kRelaxed);
    process.segment.header->command.store(process.stacks.put_name(command), kRelaxed);
    process.segment.header->command_size.store(static_cast<std::uint32_t>(command.size()), kRelaxed);
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
    process.segment.header->own_allocator_name.store(process.stacks.put_name(own.name), kRelaxed);
    process.segment.header->own_allocator_why.store(process.stacks.put_name(own.why), kRelaxed);
    process.segment.header->own_allocator.store(own.state, kRelaxed);
}

void find_own_code(char* name) {
    dl_find_object self;
    if (_dl_find_object(name, &self) != 0) return;
    process.own_begin = reinterpret_cast<std::uint64_t>(self.dlfo_map_start);
    process.own_end = reinterpret_cast<std::uint64_t>(self.dlfo_map_end);
}

// Reads the number at the start of text, and moves text behind it.
std::uint64_t read_number(const char*& text) {
    std::uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + static_cast<std::uint64_t>(*text - '0');
    return number;
}

constexpr std::uint64_t kMostBlocks = 1'000'000;

bool read_variable() {
    const char* text = ::getenv(kAgentVariable);
    if (text == nullptr) return false;
    const std::uint64_t interval = read_number(text);
    std::uint64_t blocks = 0;
    if (*text == '/') blocks = read_number(++text);
    if (*text != ':' || interval == 0 || interval > SamplingState::kLargestInterval || blocks > kMostBlocks) return false;
    const std::size_t length = strlen(++text);
    if (length == 0 || length >= sizeof process.directory) return false;
    memcpy(process.directory, text, length + 1);
    process.first_interval = interval;
    process.one_block_in = static_cast<std::uint32_t>(blocks);
    return true;
}

// Takes the lock, so that no sample is half written in the copy, and the segment stays.
python::Permission begin_copying(const SegmentHeader* asked) {
    if (process.fork_marker->work.load(std::memory_order_acquire) != Work::on) return python::Permission::other_process;
    if (!process.lock.lock()) {
        stop();
        return python::Permission::other_process;
    }
    if (process.fork_marker->work.load(kRelaxed) != Work::on || asked != process.segment.header) {
        process.lock.unlock();
        return python::Permission::other_process;
    }
    if (process.attached) ::madvise(process.segment.header, process.segment_bytes, MADV_DOFORK);
    return process.sandboxed ? python::Permission::sandboxed : python::Permission::given;
}
void end_copying() {
    if (process.attached) ::madvise(process.segment.header, process.segment_bytes, MADV_DONTFORK);
    process.lock.unlock();
}
// In a copy of the process that only reads it: the agent stays off.
void begin_copy() { process.fork_marker->work.store(Work::off, std::memory_order_release); }

// Not in a child of vfork, which has this memory but not this process's children.
bool may_wait_for_copy() {
    return python::has_copy() && !process.sandboxed && process.fork_marker->pid.load(kRelaxed) == unwind::system_call(SYS_getpid);
}

}  // namespace

void exec_begins() {
    constexpr unsigned kPatience_ms = 500;
    if (may_wait_for_copy()) python::drop_copy(kPatience_ms);
}

void begin_asked_search(bool by_python) {
    if (may_wait_for_copy()) python::reap_copy();
    SearchState asked = SearchState::asked;
    if (process.segment.header->search.load(kRelaxed) == asked &&
        process.segment.header->search.compare_exchange_strong(asked, SearchState::waiting, std::memory_order_acq_rel))
        (process.attached ? python::search_holders_here
                          : python::search_holders)({process.segment, !process.attached, &begin_copying, &end_copying, &begin_copy});
    else if (by_python && process.segment.header->search.load(kRelaxed) == SearchState::waiting)
        python::search_holders_in_call();
}

bool is_sandboxed() { return process.sandboxed; }

bool segment_may_go() { return process.attached; }

void start(int argument_count, char** arguments) {
    if (!read_variable()) return;
    const int error = errno;
    thread_state.busy = true;
    find_clock();
    static char name[] = "leakline-agent";
    unwind::take_name(name);
    find_own_code(name);
    Mapping mapping;
    if (make_fork_marker() && map_new_segment(process.directory, process.segment_path, 0, process.first_interval, mapping)) {
        begin_tables(mapping);
        describe_program(join_arguments(argument_count, arguments));
        const OwnAllocator& own = prepare_entry_hooks();
        put_entry_hooks();
        describe_own_allocator(own);
        process.segment.header->python.store(python::begin(), kRelaxed);
        process.fork_marker->work.store(Work::on, std::memory_order_release);
        process.segment.header->ready.store(1, std::memory_order_release);
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
        if (process.fork_marker->work.compare_exchange_strong(now, Work::beginning, std::memory_order_acq_rel)) leave_parents_recording();
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
    if (!process.lock.lock()) {
        ::munmap(mapping.view.header, mapping.bytes);
        return false;
    }
    process.attached = true;
    begin_tables(mapping);
    begin_mappings();
    python::reset();
    process.fork_marker->pid.store(unwind::system_call(SYS_getpid), kRelaxed);
    describe_program(command);
    process.fork_marker->work.store(Work::on, std::memory_order_release);
    process.lock.unlock();
    return true;
}

void attached_ready(PythonState python, const OwnAllocator& own) {
    if (const LockedTables locked; locked) {
        describe_own_allocator(own);
        if (python != PythonState::none) process.segment.header->python.store(python, kRelaxed);  // it may have been loaded since
        process.segment.header->ready.store(1, std::memory_order_release);
    }
}

void end_attached() {
    if (!process.lock.lock()) return stop();
    process.fork_marker->work.store(Work::off, std::memory_order_release);
    ::munmap(process.segment.header, process.segment_bytes);
    process.segment = {};
    address_filter.reset(false);
    process.lock.unlock();
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
            process.samples.last_request(4 * kReserve);
            process.stacks.last_request(kReserve);
            last_request_of_resources(kReserve / 16);
            process.sandboxed = on = true;
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
        process.stacks.code_unloaded();
    });
}

}  // namespace leakline::agent
