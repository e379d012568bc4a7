#include "heap/internal/attach.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <map>
#include <optional>
#include <thread>

#include "agent/attach_request.hpp"
#include "agent/embedded.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/entry_patches.hpp"
#include "heap/internal/running_program.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/remote_thread.hpp"
#include "system/stop.hpp"

namespace leakline::heap {

namespace {

// How long the agent may take to begin.
constexpr Nanoseconds kBegin = std::chrono::seconds(10);
constexpr std::uint64_t kAgentStack = 1 << 20;  // of the thread in the process

// A mapping in the process, for the stack of one call and for what the calls are given. The agent unmaps it.
struct Scratch {
    static constexpr std::uint64_t kSize = 128 << 10, kText = 256, kRequest = 1024;
    std::uint64_t begin = 0;

    std::uint64_t attributes() const { return begin; }
    std::uint64_t thread() const { return begin + sizeof(pthread_attr_t); }
    std::uint64_t text() const { return begin + kText; }
    std::uint64_t request() const { return begin + kRequest; }
    std::uint64_t top() const { return begin + kSize; }
};

class Attacher {
  public:
    Attacher(int pid, Bytes interval, const std::stop_token& stop, Nanoseconds deadline)
        : pid_(pid), interval_(interval), stop_(stop), deadline_(deadline), where_(fmt::format("process {}", pid)) {
        check();
    }

    // After a failure: whether the process has begun another program meanwhile (exec).
    bool was_replaced() const { return !program_.memory.is_mapped(function("dlopen")) && !has_ended(read_stat(pid_)); }

    Attached run() {
        Attached attached;
        RemoteThread thread = start_thread(attached.stopped);
        std::optional<LoadedObject> library = find_attached(pid_, program_.mappings);
        if (!library) library = load(thread);
        const int file = make_file(thread, "leakline-segment");
        attached.segment = std::make_unique<AttachedSegment>(open_file(file));
        agent::AttachRequest request{};
        request.interval = interval_;
        request.unmapped_at = scratch_.begin;
        request.unmapped_bytes = Scratch::kSize;
        request.segment = file;
        if (!write_memory(pid_, scratch_.request(), &request, sizeof request)) fail("its memory cannot be written");
        const std::uint32_t no_failure = 0;  // of an attach before this one
        write_memory(pid_, library->address_of(agent::kAttachVariable) + offsetof(agent::AttachStatus, failure), &no_failure,
                     sizeof no_failure);
        thread.call_and_release(library->address_of(agent::kAttachFunction), {scratch_.request()});
        wait_until_recording(*attached.segment, *library);
        return attached;
    }

  private:
    [[noreturn]] void fail(std::string why, std::string hint = {}) const {
        throw Error(ErrorKind::system, where_, std::move(why), std::move(hint));
    }
    void check() {
        program_ = check_running(pid_, stop_, std::max(Nanoseconds{}, deadline_ - system_clock().monotonic()));
        signal_return_ = program_.libc.find_code(kSignalReturnCode);
        functions_.clear();
        for (const char* name : {"mmap", "munmap", "pthread_create", "pthread_attr_init", "pthread_attr_setdetachstate",
                                 "pthread_attr_setstacksize", "usleep", "memfd_create", "dlopen", "close"})
            functions_.emplace(name, find_function(name));
        if (signal_return_ == 0) fail("its C library has an unknown form");
    }
    std::uint64_t find_function(const char* name) const {
        const std::uint64_t address = program_.libc.address_of(name);
        if (address == 0) fail(fmt::format("its C library has no {}", name));
        return address;
    }
    std::uint64_t function(std::string_view name) const { return functions_.at(name); }
    static std::optional<long> result_of(const std::vector<RemoteThread::SystemCall>& made, long number) {
        const auto found = std::find_if(made.begin(), made.end(), [&](const auto& call) { return call.number == number; });
        return found != made.end() ? std::optional(found->result) : std::nullopt;
    }

    // A thread that stands still in the program that was checked. That may have been replaced until then, or have entered a sandbox.
    RemoteThread stop_one() {
        do {
            for (const int id : waiting_threads(pid_)) {
                auto thread = RemoteThread::stop(pid_, id, signal_return_);
                if (!thread) continue;
                if (is_unchanged(pid_, id, program_)) return *std::move(thread);
                thread->release();
                check();
                break;
            }
        } while (system_clock().monotonic() < deadline_ && sleep_for(stop_, std::chrono::milliseconds(1)));
        if (stop_.stop_requested()) fail("the attach was interrupted");
        if (!read_stat(pid_)) fail("has ended");
        fail("none of its threads was found waiting in a system call (for a connection, data or a timer)",
             "try again while it is less busy");
    }

    // What the stopped thread does is short: a system call, and a thread that starts.
    RemoteThread start_thread(Nanoseconds& stopped) {
        RemoteThread thread = stop_one();
        const Nanoseconds begin = system_clock().monotonic();
        const auto made =
            thread.call(function("mmap"), {0, Scratch::kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~std::uint64_t{0}, 0});
        const long at = result_of(made, SYS_mmap).value_or(-ENOSYS);
        if (at < 0 && at > -4096) fail("has no memory left for the agent: " + os_reason(static_cast<int>(-at)));
        scratch_.begin = static_cast<std::uint64_t>(at);
        thread.use_stack(scratch_.top());
        thread.call(function("pthread_attr_init"), {scratch_.attributes()});
        thread.call(function("pthread_attr_setdetachstate"), {scratch_.attributes(), PTHREAD_CREATE_DETACHED});
        thread.call(function("pthread_attr_setstacksize"), {scratch_.attributes(), kAgentStack});
        // It calls usleep(1), and ends unless we go on with it there.
        thread.call(function("pthread_create"), {scratch_.thread(), scratch_.attributes(), function("usleep"), 1});
        const int started = thread.started();
        if (started == 0) give_up(thread, "cannot start a thread: its limit of threads or memory is reached");
        thread.release();
        stopped = system_clock().monotonic() - begin;
        return RemoteThread::take_started(pid_, started, signal_return_, {SYS_clock_nanosleep, SYS_nanosleep});
    }

    void put_text(const std::string& text) const {
        if (!write_memory(pid_, scratch_.text(), text.c_str(), text.size() + 1)) fail("its memory cannot be written");
    }

    // A file in memory, made by the process: any user and any mount namespace can open it there.
    int make_file(RemoteThread& thread, const std::string& name) const {
        put_text(name);
        const long file =
            result_of(thread.call(function("memfd_create"), {scratch_.text(), MFD_CLOEXEC}), SYS_memfd_create).value_or(-ENOSYS);
        if (file < 0) give_up(thread, "cannot create a file in memory: " + os_reason(static_cast<int>(-file)));
        return static_cast<int>(file);
    }
    Descriptor open_file(int file) const {
        const std::string path = fmt::format("/proc/{}/fd/{}", pid_, file);
        Descriptor opened(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        if (opened.get() < 0) throw os_error(ErrorKind::system, path, "cannot open", errno);
        return opened;
    }
    [[noreturn]] void give_up(RemoteThread& thread, const std::string& why) const {
        thread.call(function("munmap"), {scratch_.begin, Scratch::kSize});
        fail(why);
    }

    LoadedObject load(RemoteThread& thread) const {
        const int file = make_file(thread, attached_name());
        {
            const std::string_view bytes = agent::embedded_agent_attached();
            const Descriptor copy = open_file(file);
            if (write_all(copy.get(), bytes) != bytes.size()) fail("the agent cannot be copied: " + os_reason(errno));
        }
        // By a name that other users of such files do not use: the loader knows a library by it for ever.
        put_text(fmt::format("/proc/thread-self/fd/{}", file));
        const auto made = thread.call(function("dlopen"), {scratch_.text(), RTLD_NOW});
        thread.call(function("close"), {static_cast<std::uint64_t>(file)});
        const std::string maps = read_small_file(fmt::format("/proc/{}/maps", pid_)).value_or("");
        auto library = find_attached(pid_, parse_mappings(maps));
        if (library && library->address_of(agent::kAttachFunction) != 0) return *std::move(library);
        const auto failed = std::find_if(made.rbegin(), made.rend(), [](const auto& call) {
            return call.number == SYS_openat || call.number == SYS_mmap || call.number == SYS_mprotect;
        });
        const bool refused = failed != made.rend() && failed->result < 0 && failed->result > -4096;
        give_up(thread, "the agent's library could not be loaded: " +
                            (refused ? os_reason(static_cast<int>(-failed->result))
                                     : std::string("its loader refused it (no room in the static block of thread-local storage?)")));
    }

    void wait_until_recording(AttachedSegment& segment, const LoadedObject& library) const {
        const Nanoseconds deadline = system_clock().monotonic() + kBegin;
        while (segment.state() == agent::AttachState::none) {
            agent::AttachStatus status{};
            if (!read_memory(pid_, library.address_of(agent::kAttachVariable), &status, sizeof status)) fail("ended during the attach");
            switch (status.failure.load()) {
                case agent::AttachFailure::none: break;
                case agent::AttachFailure::no_allocator: fail("has no malloc in any of its libraries");
                case agent::AttachFailure::no_segment:
                    fail("cannot map memory for the agent's samples (its limits of memory or file size?)");
                case agent::AttachFailure::busy: fail("is already recorded: another leakline has just attached to it");
            }
            if (status.patching.load() == agent::Patching::wanted)
                write_entry_patches(pid_, library.address_of(agent::kAttachVariable), status);
            if (stop_.stop_requested()) {
                segment.ask_to_leave();
                fail("the attach was interrupted");
            }
            if (system_clock().monotonic() > deadline)
                fail("the agent was loaded but does not begin: another thread is loading a library", "try again later");
            sleep_for({}, std::chrono::microseconds(200));
        }
        segment.beat();
    }

    int pid_;
    Bytes interval_;
    std::stop_token stop_;
    Nanoseconds deadline_;
    RunningProgram program_;
    std::string where_;
    std::uint64_t signal_return_ = 0;
    std::map<std::string_view, std::uint64_t> functions_;  // addresses of those that are called
    Scratch scratch_;
};

// Once more if another thread of the process has called exec meanwhile: nothing of the first attempt is left.
Attached attach_until(int pid, Bytes interval, const std::stop_token& stop, Nanoseconds deadline) {
    for (;;) {
        Attacher attacher(pid, interval, stop, deadline);
        try {
            return attacher.run();
        } catch (const Error&) {
            if (!attacher.was_replaced() || system_clock().monotonic() >= deadline || stop.stop_requested()) throw;
        }
    }
}

}  // namespace

Attached attach_agent(int pid, Bytes interval, const std::stop_token& stop, Nanoseconds patience) {
    // The kernel lets go of what the thread still traces at its end. That may be a process that was killed meanwhile, whose parent cannot
    // reap it until then.
    std::optional<Attached> attached;
    std::exception_ptr failure;
    std::jthread([&] {
        try {
            attached = attach_until(pid, interval, stop, system_clock().monotonic() + patience);
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
    return *std::move(attached);
}

}  // namespace leakline::heap
