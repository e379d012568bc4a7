// The agent attached to programs that run already.
#include "attached_process.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

#include "base/error.hpp"
#include "heap/internal/attach.hpp"
#include "heap/internal/descendant_attacher.hpp"
#include "heap/internal/segment_file.hpp"
#include "heap/recorder.hpp"
#include "open_resources.hpp"
#include "streams.hpp"
#include "support/own_files.hpp"
#include "system/descendants.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using std::chrono::seconds;
using test::AskedProgram;
using test::attach_to;
using test::attach_to_tree;
using test::is_attached;
using test::live_through;
using test::number;
using test::refusal;

namespace {

const std::string kBin = LEAKLINE_BIN_DIR;
const std::vector<std::string> kSubject = {kBin + "/heap_attach_subject"};

}  // namespace

TEST_CASE("a program that sees other files than we do, as in a container, has its lines") {
    if (!test::can_mount()) {
        MESSAGE("skipped: mount namespaces are not permitted here");
        return;
    }
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/subject";
    std::filesystem::copy_file(kSubject[0], path);
    AskedProgram program(test::in_own_files(folder.path(), path, path));
    REQUIRE(program.ask("keep 1 40") == "ok 0");
    std::filesystem::remove(path);
    heap::Recorder recorder = heap::Recorder::start(attach_to(program.pid()));
    REQUIRE(program.ask("keep 500 24") == "ok 0");
    const HeapProfile profile = recorder.finish();
    CHECK(live_through(profile, "keep") == 12'000);
    const auto lines = std::count_if(profile.frames.begin(), profile.frames.end(), [&](const Frame& frame) {
        return frame.line != 0 && profile.string(frame.file).ends_with("attach_subject.cpp");
    });
    CHECK(lines > 0);
    const auto of_program = [&](const InstructionPointer& ip) { return profile.string(ip.module) == path; };
    CHECK(std::any_of(profile.ips.begin(), profile.ips.end(), of_program));  // as the program names it
}

TEST_CASE("an attached agent records what is allocated from then on, and leaves the process as it was") {
    AskedProgram program(kSubject);
    REQUIRE(program.ask("keep 1000 40") == "ok 0");
    const std::size_t descriptors = test::descriptors_of(program.pid()), threads = thread_ids(program.pid()).size();
    for (int time = 0; time < 3; ++time) {
        CAPTURE(time);
        heap::Recorder recorder = heap::Recorder::start(attach_to(program.pid()));
        CHECK(recorder.pid() == program.pid());
        CHECK(test::pointers_to_agent(program.pid()) > 0);
        CHECK(program.ask("free") == "ok 0");  // what is older
        CHECK(program.ask("keep 500 24") == "ok 0");
        CHECK(program.ask("free") == "ok 0");
        CHECK(program.ask("keep 700 24") == "ok 0");
        CHECK(program.ask("fork") == "ok 5");
        CHECK(program.ask("threads 4") == "ok 0");
        const HeapProfile profile = recorder.finish();
        CHECK(profile.completeness == Completeness::complete);
        CHECK(profile.warnings.empty());
        CHECK(live_through(profile, "keep_block") == 700 * 24);
        CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
        CHECK(test::descriptors_of(program.pid()) == descriptors);
        CHECK(thread_ids(program.pid()).size() == threads);
        CHECK(test::mappings_of_agent(program.pid()) == 5);  // the library, once; no segment
        CHECK(program.ask("threads 4") == "ok 0");
        CHECK(program.ask("fork") == "ok 5");
    }
    CHECK(program.ask("free") == "ok 0");
}

TEST_CASE("the children of a process are recorded with it, and one that cannot be is named") {
    AskedProgram program(kSubject);
    const int other = number(program.ask("worker")), refused = number(program.ask("run " + kBin + "/heap_subject_static"));
    heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
    CHECK(recorder.attached_to() == std::vector<int>{program.pid(), other});
    REQUIRE(recorder.warnings().size() == 1);
    CHECK(recorder.warnings()[0].starts_with(fmt::format("process {} (heap_subject_static) is not recorded: it ", refused)));
    CHECK(program.ask("keep 500 24") == "ok 0");
    CHECK(program.ask("to 0 keep 700 24") == "ok 0");
    recorder.mark(HeapMark::Kind::interval);
    CHECK(recorder.so_far().marks.size() == 2);
    const HeapProfile profile = recorder.finish();
    CHECK(profile.attached);
    CAPTURE(fmt::format("{}", fmt::join(profile.warnings, "; ")));
    CHECK(profile.warnings.size() == 1);
    CHECK(live_through(profile, "keep_block") == (500 + 700) * 24);
    for (const int pid : {program.pid(), other}) CHECK(test::comes_true([&] { return test::is_as_before(pid); }));
    CHECK(program.ask("free") == "ok 0");
    CHECK(program.ask("to 0 free") == "ok 0");
}

TEST_CASE("children that start after the attach are recorded, forked or by exec, and left as they were") {
    AskedProgram program(kSubject);
    CHECK(program.ask("keep 100 24") == "ok 0");
    heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
    std::vector<int> pids;
    for (const char* kind : {"worker", "program", "worker"}) pids.push_back(number(program.ask(kind)));
    CHECK(test::comes_true([&] { return std::all_of(pids.begin(), pids.end(), [&](int pid) { return is_attached(recorder, pid); }); }));
    CHECK(recorder.own_memory().size() == 4);
    for (const int pid : pids) CHECK(test::pointers_to_agent(pid) > 0);
    CHECK(program.ask("to 0 free") == "ok 0");  // what it has inherited
    for (const char* command : {"to 0 keep 300 24", "to 1 keep 500 24", "to 2 keep 700 24", "to 1 threads 4", "to 2 fork"})
        CHECK(program.ask(command).starts_with("ok "));
    recorder.mark(HeapMark::Kind::interval);
    CHECK(program.ask("kill 2") == "ok 0");
    CHECK(test::comes_true([&] { return !is_attached(recorder, pids[2]); }));
    const int grandchild = number(program.ask("to 0 worker"));
    CHECK(test::comes_true([&] { return is_attached(recorder, grandchild); }));
    CHECK(program.ask("to 0 to 0 keep 1100 24") == "ok 0");
    const HeapProfile profile = recorder.finish();
    CHECK(profile.warnings.empty());
    CHECK(live_through(profile, "keep_block") == (300 + 500 + 1100) * 24);
    for (const int pid : {program.pid(), pids[0], pids[1], grandchild}) {
        CAPTURE(pid);
        CHECK(test::comes_true([&] { return test::is_as_before(pid); }));
    }
    for (const char* command : {"free", "to 0 free", "to 1 free", "to 0 to 0 free", "to 1 threads 2", "fork"})
        CHECK(program.ask(command).starts_with("ok "));
}

TEST_CASE("a child that cannot be attached to is named at the end, and does not keep others from it") {
    AskedProgram program(kSubject);
    heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
    const int refused = number(program.ask("run " + kBin + "/heap_subject_static")), worker = number(program.ask("worker"));
    CHECK(test::comes_true([&] { return is_attached(recorder, worker) && recorder.not_attached_to() == 1; }));
    const HeapProfile profile = recorder.finish();
    REQUIRE(profile.warnings.size() == 1);
    CHECK(profile.warnings[0].starts_with("a process that started after the attach was not recorded, and used "));
    CHECK(profile.warnings[0].find(fmt::format("process {} (heap_subject_st) ", refused)) != std::string::npos);
    CHECK(test::comes_true([&] { return test::is_as_before(worker); }));
}

TEST_CASE("a child that was refused at the attach is attached to when it runs another program") {
    AskedProgram program(kSubject);
    const int worker = number(program.ask("worker"));
    constexpr std::uint64_t kBeforeExec = 4096;
    heap::DescendantAttacher attacher(program.pid(), {program.pid()}, {{worker, kBeforeExec}}, 1);
    std::vector<heap::DescendantAttacher::Found> found;
    CHECK(test::comes_true([&] {
        if (found.empty()) found = attacher.take();
        return !found.empty();
    }));
    attacher.stop();
    REQUIRE(found.size() == 1);
    CHECK(found[0].pid == worker);
    CHECK(found[0].segment->detach(seconds(5)));
    CHECK(attacher.warning().empty());
    CHECK(test::comes_true([&] { return test::is_as_before(worker); }));
}

TEST_CASE("a process that forks while an agent is attached, and its children, end as they do without") {
    AskedProgram program(kSubject);
    for (const Bytes interval : {1, 4096}) {
        heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid(), interval));
        CHECK(program.ask("storm 200") == "ok 0");
        const int worker = number(program.ask("worker"));  // too young to have been attached to, perhaps
        recorder.finish();
        for (const int pid : {program.pid(), worker}) CHECK(test::comes_true([&] { return test::is_as_before(pid); }));
    }
    CHECK(program.ask("storm 20") == "ok 0");
    CHECK(program.ask("to 0 free") == "ok 0");
}

TEST_CASE("at whatever moment leakline is killed while a process forks, that process and its children go on") {
    AskedProgram program(kSubject);
    const int worker = number(program.ask("worker"));
    for (int i = 0; i < 3; ++i) {
        CAPTURE(i);
        const pid_t reader = ::fork();
        if (reader == 0) {
            heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
            ::pause();
        }
        REQUIRE(test::comes_true([&] { return test::pointers_to_agent(program.pid()) > 0; }));
        program.tell("storm 100");
        ::usleep(static_cast<unsigned>(i) * 90'000);
        ::kill(reader, SIGKILL);
        ::waitpid(reader, nullptr, 0);
        CHECK(program.answer() == "ok 0");
        for (const int pid : {program.pid(), worker}) REQUIRE(test::comes_true([&] { return test::is_as_before(pid); }));
    }
    CHECK(program.ask("to 0 threads 2") == "ok 0");
}

TEST_CASE("descriptors, threads and mapped memory of a process and of its children are recorded from the attach on") {
    AskedProgram program(kSubject);
    const auto open_at = [](const HeapProfile& profile, Resource resource) {
        return test::open_at(profile, profile.marks.size() - 1, resource, "/attach_subject.cpp");
    };
    using Counts = std::map<std::string, std::uint64_t>;
    for (const char* command : {"open 1", "start 1", "map 1"}) CHECK(program.ask(command) == "ok 0");
    constexpr std::size_t threads = 2;  // the first, and one that waits
    CHECK(test::comes_true([&] { return thread_ids(program.pid()).size() == threads; }));
    for (int time = 0; time < 2; ++time) {
        CAPTURE(time);
        heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid(), 65536));
        for (const char* command : {"close", "join", "unmap", "open 3", "start 4", "map 5"}) CHECK(program.ask(command) == "ok 0");
        // Those that are not joined have ended; the agent's is there.
        CHECK(test::comes_true([&] { return thread_ids(program.pid()).size() == threads + 3 + 1; }));
        const HeapProfile profile = recorder.finish();
        CHECK(profile.warnings.empty());
        CHECK(open_at(profile, Resource::descriptors) ==
              Counts{{"leave_open", 3}, {"leave_dup", 3}, {"leave_pipe", 6}, {"change_resources", 2}});
        CHECK(open_at(profile, Resource::threads) == Counts{{"leave_running", 4}});
        CHECK(open_at(profile, Resource::mappings) == Counts{{"leave_unjoined", 4}});
        CHECK(live_through(profile, "leave_mapped") == doctest::Approx(5 << 20).epsilon(1e-6));
        CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
        CHECK(thread_ids(program.pid()).size() == threads + 3);
    }
    const int worker = number(program.ask("worker"));
    heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid(), 65536));
    CHECK(program.ask("to 0 close") == "ok 0");
    CHECK(program.ask("to 0 unmap") == "ok 0");
    CHECK(program.ask("to 0 open 3") == "ok 0");
    const int later = number(program.ask("worker"));
    CHECK(test::comes_true([&] { return is_attached(recorder, later); }));
    CHECK(program.ask("to 1 open 2") == "ok 0");
    CHECK(program.ask("to 1 map 2") == "ok 0");
    const HeapProfile profile = recorder.finish();
    CHECK(open_at(profile, Resource::descriptors) == Counts{{"leave_open", 5}, {"leave_dup", 5}, {"leave_pipe", 10}, {"start_worker", 1}});
    CHECK(live_through(profile, "leave_mapped") == doctest::Approx(2 << 20).epsilon(1e-6));
    for (const int pid : {program.pid(), worker, later}) CHECK(test::comes_true([&] { return test::is_as_before(pid); }));
    for (const char* command : {"close", "join", "unmap", "to 0 close", "to 1 close", "to 1 unmap"}) CHECK(program.ask(command) == "ok 0");
}

TEST_CASE("objects that are loaded after the attach are recorded too") {
    AskedProgram program(kSubject);
    heap::Attached attached = heap::attach_agent(program.pid(), 1, {});
    const auto before = attached.segment->slots().hooked;
    CHECK(before > 0);
    CHECK(attached.segment->slots().other == 0);
    REQUIRE(program.ask("load " + kBin + "/heap_attach_plugin.so") == "ok 0");
    CHECK(test::comes_true([&] {
        attached.segment->beat();
        return attached.segment->slots().hooked > before;
    }));
    REQUIRE(program.ask("plugin 300 64") == "ok 0");
    heap::SegmentReader reader(Descriptor(::dup(attached.segment->file())), "segment");
    REQUIRE(reader.read());
    CHECK(std::count_if(reader.samples().begin(), reader.samples().end(), [](const auto& block) { return block.size == 64; }) >= 300);
    CHECK(attached.segment->detach(seconds(5)));
    CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
}

TEST_CASE("a system call that the attach interrupts does not fail") {
    for (const char* call : {"epoll_wait", "epoll_wait_ms", "poll", "ppoll", "pselect", "nanosleep"}) {
        CAPTURE(call);
        AskedProgram program(kSubject);
        program.tell(std::string("waits ") + call);
        for (int i = 0; i < 5; ++i) {
            const heap::Attached attached = heap::attach_agent(program.pid(), 65536, {});
            CHECK(attached.segment->detach(seconds(5)));
        }
        program.tell("free");
        CHECK(program.answer() == "ok 0");
        CHECK(program.answer() == "ok 0");
    }
}

TEST_CASE("if leakline is killed, the agent leaves the process by itself") {
    AskedProgram program(kSubject);
    const pid_t reader = ::fork();
    if (reader == 0) {
        const heap::Attached attached = heap::attach_agent(program.pid(), 1, {});
        for (;;) {
            attached.segment->beat();
            ::usleep(10'000);
        }
    }
    CHECK(test::comes_true([&] { return test::pointers_to_agent(program.pid()) > 0; }));
    CHECK(program.ask("keep 1000 40") == "ok 0");
    ::kill(reader, SIGKILL);
    ::waitpid(reader, nullptr, 0);
    CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
    CHECK(program.ask("free") == "ok 0");
}

TEST_CASE("at whatever moment of the attach leakline is killed, the process goes on") {
    const char* const asked = std::getenv("LEAKLINE_ATTACH_CYCLES");
    const int times = asked != nullptr ? std::max(30, std::atoi(asked) / 10) : 30;
    AskedProgram program(kSubject);
    program.tell("waits epoll_wait_ms");
    for (int i = 0; i < times; ++i) {
        CAPTURE(i);
        const pid_t reader = ::fork();
        if (reader == 0) {
            try {
                const heap::Attached attached = heap::attach_agent(program.pid(), 65536, {});
                attached.segment->detach(seconds(5));
            } catch (const Error&) {
            }
            ::_exit(0);
        }
        ::usleep(static_cast<unsigned>(i) * 331 % 9000);
        ::kill(reader, SIGKILL);
        ::waitpid(reader, nullptr, 0);
        // Threads of ours end, or leave after 5 s without a reader.
        REQUIRE(test::comes_true([&] { return test::is_as_before(program.pid()); }));
        REQUIRE(test::comes_true([&] { return thread_ids(program.pid()).size() == 1; }));
    }
    program.tell("free");
    CHECK(program.answer().starts_with(
        "ok "));  // where it is killed between the stop and the call, epoll_wait ends as after SIGSTOP and SIGCONT
    CHECK(program.answer() == "ok 0");
    CHECK(program.ask("threads 2") == "ok 0");
}

TEST_CASE("what an agent cannot be attached to is refused before it is touched, with the reason and what to do") {
    AskedProgram program(kSubject);
    const std::string here = fmt::format("process {}: ", program.pid());
    SUBCASE("no such process") { CHECK(refusal(999'999'999) == "process 999999999: is not running"); }
    SUBCASE("leakline itself") { CHECK(refusal(::getpid()).find("is leakline itself") != std::string::npos); }
    SUBCASE("a zombie") {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        siginfo_t info;
        ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
        CHECK(refusal(child) == fmt::format("process {}: has ended (a zombie)", child));
        ::waitpid(child, nullptr, 0);
    }
    SUBCASE("stopped") {
        program.child().signal(SIGSTOP);
        REQUIRE(test::comes_true([&] { return read_stat(program.pid())->state == 'T'; }));
        CHECK(refusal(program.pid()) ==
              here + "is stopped (SIGSTOP, Ctrl-Z)\n  hint: let it go on: kill -CONT " + std::to_string(program.pid()));
        program.child().signal(SIGCONT);
    }
    SUBCASE("traced") {
        REQUIRE(::ptrace(PTRACE_SEIZE, program.pid(), nullptr, nullptr) == 0);
        CHECK(refusal(program.pid()).starts_with(fmt::format("{}is already traced by process {}", here, ::getpid())));
        ::ptrace(PTRACE_INTERRUPT, program.pid(), nullptr, nullptr);
        ::waitpid(program.pid(), nullptr, __WALL);
        ::ptrace(PTRACE_DETACH, program.pid(), nullptr, nullptr);
    }
    SUBCASE("linked statically") {
        Command command;
        command.arguments = {kBin + "/heap_subject_static", "sleep", "60"};
        Child child = Child::start(command);
        const std::string text = refusal(child.pid());
        CHECK(text.find(": ") != std::string::npos);
        CHECK((text.find("is linked statically") != std::string::npos || text.find("has its own malloc") != std::string::npos));
        CHECK(text.find("leakline sample --pid") != std::string::npos);
    }
    SUBCASE("recorded already") {
        const heap::Attached attached = heap::attach_agent(program.pid(), 65536, {});
        CHECK(refusal(program.pid()).starts_with(here + "is already recorded: a leakline is attached to it"));
        CHECK(attached.segment->detach(seconds(5)));
        heap::RecordOptions options;
        options.with = heap::RecordWith::agent;
        options.command.arguments = {kBin + "/heap_subject", "sleep", "60"};
        heap::Recorder started = heap::Recorder::start(options);
        REQUIRE(test::comes_true([&] { return started.pid() > 0; }));
        CHECK(refusal(started.pid()).find("is already recorded: leakline has started it") != std::string::npos);
        started.child().terminate(seconds(1));
    }
    SUBCASE("another user's") {
        const pid_t child = ::fork();
        if (child == 0) {
            const bool other = ::setgid(65534) == 0 && ::setuid(65534) == 0;
            ::_exit(!other ? 77 : refusal(program.pid()).starts_with(here + "its memory may not be read: ") ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        if (WEXITSTATUS(status) == 77)
            MESSAGE("skipped: needs root");
        else
            CHECK(WEXITSTATUS(status) == 0);
    }
    SUBCASE("with the memory of its parent") {
        program.tell("vfork");
        int child = 0;
        REQUIRE(test::comes_true([&] {
            const std::vector<int> children = descendants_of(program.pid());
            if (!children.empty()) child = children[0];
            return child != 0;
        }));
        CHECK(refusal(child, {}).find("has the memory of the process that started it") != std::string::npos);
        CHECK(program.answer() == "ok 5");
        heap::Recorder recorder = heap::Recorder::start(attach_to_tree(program.pid()));
        CHECK(program.ask("vfork") == "ok 5");
        CHECK(program.ask("keep 300 24") == "ok 0");
        CHECK(live_through(recorder.finish(), "keep_block") == 300 * 24);
        CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
    }
    CHECK(program.ask("keep 10 10") == "ok 0");
    CHECK(test::is_as_before(program.pid()));
}
