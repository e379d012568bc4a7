#include "agent/internal/python_holders.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/python_answer.hpp"
#include "agent/internal/python_interpreter.hpp"
#include "agent/internal/python_search.hpp"
#include "agent/internal/thread_state.hpp"
#include "system/copy_name.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent::python {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr unsigned kMaxThreads = 256, kMaxInterpreters = 64, kBeat_us = 100'000, kNice = 10;
// Of the copy: processor time, which is little where the program leaves little, and time of the clock.
constexpr unsigned kMostWork_s = 30, kLongest_s = 120;

// Written by the one search at a time, which the state of the segment allows.
Search search;
std::atomic<std::uint64_t> waits_since_ns;  // for the main thread
std::atomic<bool> may_copy_in_call;         // once for each search, when `search` and the time before are written
std::atomic<bool> call_is_pending;          // the interpreter has queued a call that no thread has made yet
void* threads[kMaxThreads];
const void* sys_modules[kMaxInterpreters];
std::atomic<int> copy_pid;  // of the copy until it has been waited for; 0: none

// Reaps the copy if it has ended. False: it has ended, or it is not a child of this process.
bool is_running_copy(int pid) { return unwind::system_call(SYS_wait4, pid, 0, static_cast<long>(WNOHANG) | __WCLONE, 0) == 0; }

[[noreturn]] void end_copy() {
    unwind::system_call(SYS_exit_group, 0);
    __builtin_unreachable();
}

// Readers see by it that the copy has not been killed.
void search_goes_on() {
    static unsigned beats;
    search.segment.header->search_beat.fetch_add(1, kRelaxed);
    if (++beats > kLongest_s * (1'000'000 / kBeat_us) || now_ns(CLOCK_PROCESS_CPUTIME_ID) > kMostWork_s * 1'000'000'000ull) end_copy();
}

// Signals, limits, priority and name are the copy's own, not the program's.
void set_up_copy() {
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

// When the process makes the copy. Within a call of the interpreter's allocator, the caller may be about to change an object.
enum class Moment { between_instructions, in_call };
Moment moment;  // of the copy; with `search.begin`

// Ends the copy if the work meets an object that is half changed.
template <class Work>
void visit(const Work& work) {
    if (moment == Moment::between_instructions)
        work();
    else if (!survives(work))
        end_copy();
}

// Other interpreters may have locks of their own, and so objects that are half made.
void build_graph() {
    bool built = false;
    const bool others = interpreter.next_interpreter(interpreter.first_interpreter()) != nullptr;
    if (others && survives([&] { built = build_from(Interpreters::all); }) && built) return;
    graph = {};
    visit([&] { built = build_from(Interpreters::main_only); });
    if (!built) end_copy();
}

[[noreturn]] int search_in_copy(void*) {
    search.begin_copy();
    set_up_copy();
    close_all();
    const long oom = unwind::system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/oom_score_adj"), O_WRONLY | O_CLOEXEC);
    if (oom >= 0) {
        unwind::system_call(SYS_write, oom, reinterpret_cast<long>("1000"), 4);
        unwind::system_call(SYS_close, oom);
    }
    begin_answers(search.segment);
    build_graph();
    survives([] { graph.join_native_memory(); });
    visit([] {
        graph.weigh();
        if (!find_holders(search.segment, search.all_sampled)) end_copy();
        // The last answer counts. What follows reads objects that may be half made; names of attributes may need memory of the program's
        // allocator, which another thread may have left locked.
        write_answer(false);
    });
    survives([] { graph.add_lost(); });
    write_answer(false);
    if (interpreter.disable_collector != nullptr || known_layout()->minor < 10) {
        if (interpreter.disable_collector != nullptr) interpreter.disable_collector();
        write_answer(true);
    }
    search.segment.header->search.store(SearchState::done, std::memory_order_release);
    end_copy();
}

// The copy is a child that sends no signal when it ends: the program's own waiting (wait, waitpid, waitid) never sees it. An orphan would
// be left to process 1, which in a container is the program itself.
void make_copy() {
    constexpr unsigned kPatience_ms = 50;  // the interpreter stands still
    // On a busy machine, the copy before takes longer to end: the request stays, and is looked at again.
    if (!drop_copy(kPatience_ms)) return search.segment.header->search.store(SearchState::asked, std::memory_order_release);
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

// With the interpreter's lock held.
void copy_now(Moment now) {
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
        may_copy_in_call.store(false, kRelaxed);
        moment = now;
        if (header.search.compare_exchange_strong(expected, next) && next == SearchState::searching) make_copy();
        header.search_ns.store(now_ns(CLOCK_MONOTONIC) - begin, kRelaxed);
        search.end();
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    errno = error;
}

int copy_between_instructions(void*) {
    call_is_pending.store(false, kRelaxed);
    ThreadState& thread = thread_state;
    if (thread.busy) return 0;
    thread.busy = true;
    copy_now(Moment::between_instructions);
    asm volatile("" : : : "memory");
    thread.busy = false;
    return 0;
}

bool may_search(const Search& asked, const InUse& here) {
    search = asked;
    waits_since_ns.store(now_ns(CLOCK_MONOTONIC), kRelaxed);
    SegmentHeader& header = *search.segment.header;
    if (interpreter.add_pending_call == nullptr || known_layout() == nullptr) header.search.store(SearchState::impossible, kRelaxed);
    // Its lock exists while the interpreter does.
    else if (!here || interpreter.is_initialized() == 0 || interpreter.is_finalizing() != 0)
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

bool drop_copy(unsigned patience_ms) {
    reap_copy();
    const int pid = copy_pid.load(kRelaxed);
    if (pid == 0) return true;
    unwind::system_call(SYS_kill, pid, SIGKILL);
    for (; has_copy() && patience_ms > 0; --patience_ms) {
        const timespec time{0, 1'000'000};
        unwind::system_call(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
        reap_copy();
    }
    return !has_copy();
}

void search_holders(const Search& asked) {
    const InUse here;
    if (!may_search(asked, here)) return;
    // A main thread that waits makes no pending call, and the queue of the interpreter is short: at most one is ours.
    if (!call_is_pending.exchange(true, kRelaxed) && interpreter.add_pending_call(&copy_between_instructions, nullptr) != 0) {
        call_is_pending.store(false, kRelaxed);
        search.segment.header->search.store(SearchState::asked, kRelaxed);  // the queue is full: it is tried again
        return;
    }
    may_copy_in_call.store(true, std::memory_order_release);
}

void search_holders_in_call() {
    constexpr std::uint64_t kPatience_ns = 300'000'000;
    if (!may_copy_in_call.load(std::memory_order_acquire) || now_ns(CLOCK_MONOTONIC) - waits_since_ns.load(kRelaxed) < kPatience_ns) return;
    {
        const InUse here;
        if (!here || interpreter.has_lock == nullptr || interpreter.has_lock() == 0 || interpreter.is_finalizing() != 0) return;
        // With more than one interpreter, has_lock() does not tell which thread has the lock.
        if (interpreter.next_interpreter(interpreter.first_interpreter()) != nullptr) return;
    }
    // The caller is in a function of the interpreter, which stays loaded therefore.
    if (may_copy_in_call.exchange(false, std::memory_order_acq_rel)) copy_now(Moment::in_call);
}

void search_holders_here(const Search& asked) {
    // The lock may be long in coming, and the interpreter does not wait for this thread: what a program unloads then is unloaded in use.
    Interpreter now{};
    if (const InUse here; may_search(asked, here))
        now = interpreter;
    else
        return;
    const int state = now.take_lock();
    copy_now(Moment::between_instructions);
    now.give_lock(state);
}

}  // namespace leakline::agent::python
