// The agent in a program that ran before it: its thread puts the hooks in place, waits for the end, and takes them away.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <string_view>

#include "agent/attach_request.hpp"
#include "agent/internal/agent.hpp"
#include "agent/internal/entry_patches.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/python_holders.hpp"
#include "agent/internal/slots.hpp"
#include "agent/internal/thread_count.hpp"
#include "agent/internal/thread_state.hpp"
#include "agent/segment.hpp"
#include "system/copy_name.hpp"
#include "unwind/system_call.hpp"

#define LEAKLINE_EXPORT extern "C" [[gnu::visibility("default")]]

LEAKLINE_EXPORT leakline::agent::AttachStatus leakline_attachment;
LEAKLINE_EXPORT void leakline_attach(const leakline::agent::AttachRequest* request);

leakline::agent::AttachStatus leakline_attachment;

namespace leakline::agent {

namespace {

using unwind::system_call;

constexpr long kTick_ns = 200'000'000;
constexpr unsigned kTicksWithoutReader = 25;  // 5 s
// Objects that are being loaded are found in one of this many ticks, because loading does not count as done before.
constexpr unsigned kTicksAfterLoading = 10;

Attachment* attachment;  // in the segment's first page, mapped once more; without a segment, an anonymous page

std::int32_t own_pid() { return static_cast<std::int32_t>(system_call(SYS_getpid)); }

// The page of `attachment` keeps its address for ever: a thread that enters a sandbox may use it at any time.
bool map_attachment(int file) {
    static std::int32_t mapped_by;  // a forked child does not have it
    void* const at =
        mapped_by == own_pid() ? reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(attachment) & ~(kPage - 1)) : nullptr;
    void* const page = ::mmap(at, kPage, PROT_READ | PROT_WRITE,
                              (file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS) | (at != nullptr ? MAP_FIXED : 0), file, 0);
    if (page == MAP_FAILED) return false;
    ::madvise(page, kPage, MADV_DONTFORK);
    attachment = &static_cast<SegmentHeader*>(page)->attachment;
    mapped_by = own_pid();
    return true;
}

void request_end(AttachEnd why) {
    AttachEnd none = AttachEnd::none;
    attachment->end.compare_exchange_strong(none, why);
    attachment->detach.store(1, std::memory_order_release);
    system_call(SYS_futex, reinterpret_cast<long>(&attachment->detach), FUTEX_WAKE, 1);
}

// A sandbox may end the program for a system call of our thread. Waits until the hooks are out, at most for a second.
void leave_before_sandbox() {
    const int error = errno;
    if (leakline_attachment.pid.load() == own_pid()) {
        request_end(AttachEnd::sandbox);
        for (int i = 0; i < 100 && leakline_attachment.pid.load() != 0; ++i) {
            const timespec time{0, 10'000'000};
            system_call(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
        }
    }
    errno = error;
}

std::string_view read_file(const char* path) {
    static char text[4096];
    const long file = system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
    if (file < 0) return {};
    const long size = system_call(SYS_read, file, reinterpret_cast<long>(text), sizeof text);
    system_call(SYS_close, file);
    return size > 0 ? std::string_view(text, static_cast<std::size_t>(size)) : std::string_view();
}

// A process ends when its last thread does, and must not go on for ours. The first thread stays listed after its end, as a zombie.
bool is_last_thread() {
    if (count_threads() != 2) return false;
    return read_file("/proc/self/stat").find(") Z ") != std::string_view::npos;
}

void publish(const SlotCounts& counts) {
    attachment->slots.store(counts.hooked);
    attachment->other_slots.store(counts.other);
}

// Until recording is to end.
void watch() {
    std::uint64_t loaded = loaded_ever();
    unsigned silent = 0, look = kTicksAfterLoading;
    std::uint32_t beat = attachment->beat.load();
    while (attachment->detach.load(std::memory_order_acquire) == 0) {
        const timespec time{0, kTick_ns};
        system_call(SYS_futex, reinterpret_cast<long>(&attachment->detach), FUTEX_WAIT, 0, reinterpret_cast<long>(&time));
        const std::uint32_t now = attachment->beat.load();
        silent = now == beat ? silent + 1 : 0;
        beat = now;
        if (silent >= kTicksWithoutReader) request_end(AttachEnd::reader_gone);
        if (is_last_thread()) request_end(AttachEnd::last_thread);
        begin_asked_search();
        if (loaded_ever() != loaded) {
            loaded = loaded_ever();
            look = kTicksAfterLoading;
        }
        if (look == 0 || attachment->detach.load() != 0) continue;
        --look;
        publish(set_slots(Slots::all));
    }
}

AttachFailure begin(const AttachRequest& request) {
    if (!find_definitions()) return AttachFailure::no_allocator;
    if (!start_attached(request.segment, request.interval, read_file("/proc/self/cmdline"))) return AttachFailure::no_segment;
    if (map_attachment(request.segment)) return AttachFailure::none;
    end_attached();
    return AttachFailure::no_segment;
}

// Asks leakline to put jumps into an allocator that is linked into the program, and waits for its answer.
void ask_for_entry_hooks() {
    const EntryPatch* patches = nullptr;
    const unsigned count = entry_patches(patches);
    if (count == 0) return;
    AttachStatus& status = leakline_attachment;
    status.patches.store(reinterpret_cast<std::uint64_t>(patches));
    status.patch_count.store(count);
    status.patching.store(Patching::wanted, std::memory_order_release);
    constexpr int kTries = 2000;  // of 5 ms
    for (int i = 0; i < kTries && status.patching.load() == Patching::wanted && attachment->detach.load() == 0; ++i) {
        const timespec time{0, 5'000'000};
        system_call(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
    }
    Patching wanted = Patching::wanted;
    status.patching.compare_exchange_strong(wanted, Patching::impossible);
    if (status.patching.load() == Patching::done)
        entry_hooks_put();
    else
        entry_hooks_missed("its threads could not all be stopped outside of it");
}

void record_until_end() {
    before_sandbox = leave_before_sandbox;
    set_slots(Slots::frees);
    publish(set_slots(Slots::all));
    const OwnAllocator& own = prepare_entry_hooks();
    ask_for_entry_hooks();
    const PythonState python = python::begin();
    attached_ready(python, own);
    attachment->state.store(AttachState::recording);
    watch();
    end_attached();
    take_entry_hooks();
    python::drop_copy(500);
    python::end();
    publish(set_slots(Slots::undone));
    attachment->state.store(AttachState::ended);
}

}  // namespace

}  // namespace leakline::agent

void leakline_attach(const leakline::agent::AttachRequest* request) {
    using namespace leakline::agent;
    const AttachRequest asked = *request;
    thread_state.busy = true;
    ::prctl(PR_SET_NAME, leakline::kAgentName);
    if (asked.unmapped_bytes != 0) ::munmap(reinterpret_cast<void*>(asked.unmapped_at), asked.unmapped_bytes);
    // A forked child has its parent's number.
    std::int32_t pid = leakline_attachment.pid.load();
    const bool alone = pid != own_pid() && leakline_attachment.pid.compare_exchange_strong(pid, own_pid());
    if (alone) leakline_attachment.patching.store(Patching::none);
    const AttachFailure failure = alone ? begin(asked) : AttachFailure::busy;
    leakline_attachment.failure.store(failure);
    system_call(SYS_close, asked.segment);
    if (!alone) return;
    if (failure == AttachFailure::none) {
        record_until_end();
        map_attachment(-1);
    }
    leakline_attachment.pid.store(0);
}
