// Who may die when: the service's work and what was recorded outlive any kill -9.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/profile_reader.hpp"
#include "heap/recorder.hpp"
#include "streams.hpp"
#include "system/child_process.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

const std::string kSubject = std::string(LEAKLINE_BIN_DIR) + "/heap_subject";
const std::string kLeakline = std::string(LEAKLINE_BIN_DIR) + "/leakline";

std::uint64_t progress_in(const std::string& path) {
    std::uint64_t count = 0;
    std::ifstream file(path, std::ios::binary);
    char bytes[8] = {};
    file.read(bytes, 8);
    std::memcpy(&count, bytes, 8);
    return count;
}

// Until the subject has got `more` allocations further.
bool goes_on(const std::string& path, std::uint64_t more) {
    const std::uint64_t from = progress_in(path);
    for (int tries = 0; tries < 6000; ++tries) {
        if (progress_in(path) >= from + more) return true;
        ::usleep(10000);
    }
    return false;
}

// The process whose parent is `parent` and whose name is `name` (as the kernel has it), or 0.
int find_child(int parent, const std::string& name) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto stat = read_small_file(entry.path().string() + "/stat");
        if (!stat) continue;
        const std::size_t close = stat->rfind(')'), open = stat->find('(');
        if (close == std::string::npos || stat->substr(open + 1, close - open - 1) != name) continue;
        const auto fields = split(std::string_view(*stat).substr(close + 2), ' ');
        if (fields.size() > 1 && fields[1] == std::to_string(parent)) return std::stoi(entry.path().filename().string());
    }
    return 0;
}

// A process takes its name after it was forked, which may take until others have run. 0: it never did.
int child_named(int parent, const std::string& name) {
    for (int tries = 0; tries < 1000; ++tries) {
        if (const int pid = find_child(parent, name); pid > 0) return pid;
        ::usleep(10'000);
    }
    return 0;
}

bool gone(int pid) {
    for (int tries = 0; tries < 6000; ++tries) {
        if (::kill(pid, 0) != 0) return true;
        const auto stat = read_small_file(fmt::format("/proc/{}/stat", pid));
        if (!stat || stat->find(") Z ") != std::string::npos) return true;
        ::usleep(10000);
    }
    return false;
}

// Until a recording that is being written has several marks.
bool has_marks(const std::string& path) {
    for (int tries = 0; tries < 6000; ++tries) {
        try {
            if (heap::read_profile(path).marks.size() > 1) return true;
        } catch (const Error&) {  // still empty
        }
        ::usleep(10000);
    }
    return false;
}

heap::RecordOptions toil(const std::string& progress) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = {kSubject, "toil", progress};
    options.mark_interval = std::chrono::milliseconds(20);
    return options;
}

}  // namespace

TEST_CASE("kill -9 of the service at random moments loses nothing that was received") {
    std::mt19937 random(5);
    for (int i = 0; i < 6; ++i) {
        const TemporaryDirectory folder;
        const std::string progress = folder.path() + "/progress";
        heap::Recorder recorder = heap::Recorder::start(toil(progress));
        REQUIRE(goes_on(progress, random() % 5000));
        recorder.child().signal(SIGKILL);
        const ExitStatus status = recorder.child().wait();
        CHECK(status.signal == SIGKILL);
        const std::uint64_t done = progress_in(progress);
        const HeapProfile profile = recorder.finish();
        CHECK(profile.completeness != Completeness::complete);
        // Each step is at least 12 characters of raw text, of which 4096 at most were still in the process.
        const std::uint64_t calls = test::totals_of(profile).calls;
        CAPTURE(done);
        CHECK(calls + 4096 / 12 >= done);
        CHECK(profile.damage.empty());
    }
}

TEST_CASE("kill -9 of leakline leaves the service alive, and the recording is finished without it") {
    std::mt19937 random(6);
    for (int i = 0; i < 4; ++i) {
        const TemporaryDirectory folder;
        const std::string progress = folder.path() + "/progress", path = folder.path() + "/run.leak";
        Command command;
        command.arguments = {kLeakline, "record", "--tracker", "heaptrack", "--interval", "20ms",
                             "-o",      path,     "--",        kSubject,    "toil",       progress};
        command.standard_output = Command::Stream::null;
        Child leakline = Child::start(command);
        REQUIRE(goes_on(progress, 1000 + random() % 3000));
        const int service = child_named(leakline.pid(), "heap_subject");
        const int collector = child_named(leakline.pid(), "heap-collector");
        REQUIRE(service > 0);
        REQUIRE(collector > 0);
        ::kill(leakline.pid(), SIGKILL);
        leakline.wait();
        CHECK(goes_on(progress, 8000));
        // What is on disk while the service lives on can be read already. How far the collector is behind it is not known.
        CHECK(has_marks(path));
        const std::uint64_t done = progress_in(progress);
        ::kill(service, SIGKILL);
        CHECK(gone(service));
        CHECK(gone(collector));
        const HeapProfile profile = heap::read_profile(path);
        CHECK(test::totals_of(profile).calls + 4096 / 12 >= done);
        CHECK_FALSE(profile.strings.empty());
    }
}

TEST_CASE("a leakline that is killed before it has said which process the service is loses nothing") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/progress", path = folder.path() + "/run.leak", pids = folder.path() + "/pids";
    // A process in leakline's place, killed where the service is about to become its program.
    const pid_t starter = ::fork();
    if (starter == 0) {
        heap::RecordOptions options = toil(progress);
        options.output = path;
        options.command.before_exec = [&] {
            int collector = 0;
            while ((collector = find_child(::getppid(), "heap-collector")) == 0) ::usleep(1000);
            std::ofstream(pids) << ::getpid() << ' ' << collector;
            ::kill(::getppid(), SIGKILL);
            return true;
        };
        heap::Recorder::start(options);
        ::_exit(1);
    }
    int status = 0;
    ::waitpid(starter, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(goes_on(progress, 8000));
    int service = 0, collector = 0;
    std::ifstream(pids) >> service >> collector;
    REQUIRE(service > 0);
    const std::uint64_t done = progress_in(progress);
    ::kill(service, SIGKILL);
    CHECK(gone(service));
    CHECK(gone(collector));
    CHECK(test::totals_of(heap::read_profile(path)).calls + 4096 / 12 >= done);
}

TEST_CASE("kill -9 of the collecting process leaves the service alive and its marks on disk") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/progress", path = folder.path() + "/run.leak";
    heap::RecordOptions options = toil(progress);
    options.output = path;
    options.keep_raw = folder.path() + "/raw.zst";
    heap::Recorder recorder = heap::Recorder::start(options);
    REQUIRE(goes_on(progress, 3000));
    // Several marks have to be on disk: what they say is what the kill must not take.
    for (int i = 0; i < 12000 && (!std::filesystem::exists(path) || std::filesystem::file_size(path) < 1000); ++i) ::usleep(5000);
    recorder.mark(HeapMark::Kind::interval, "before the kill");
    REQUIRE(recorder.settle(std::chrono::seconds(60)));
    for (int i = 0; i < 12000 && std::filesystem::file_size(options.keep_raw) == 0; ++i) ::usleep(5000);
    const int collector = child_named(::getpid(), "heap-collector");
    REQUIRE(collector > 0);
    CHECK(test::totals_of(heap::read_profile(options.keep_raw)).calls > 100);  // still growing
    ::kill(collector, SIGKILL);
    CHECK(goes_on(progress, 3000));
    CHECK(recorder.child().running());
    recorder.child().signal(SIGKILL);
    recorder.child().wait();
    const HeapProfile profile = recorder.finish();
    CHECK(profile.completeness == Completeness::torn);
    CHECK(profile.warnings.back() == "the collecting process was killed: the recording ends there");
    CHECK(test::totals_of(profile).calls > 100);
    CHECK_FALSE(profile.strings.empty());  // named by the reader
    const HeapProfile raw = heap::read_profile(options.keep_raw);
    CHECK(test::totals_of(raw).calls > 100);
    CHECK(raw.completeness != Completeness::complete);
}

TEST_CASE("SIGINT and SIGTERM reach the service, and its exit code is passed on") {
    for (const int number : {SIGINT, SIGTERM}) {
        const TemporaryDirectory folder;
        const std::string progress = folder.path() + "/round", path = folder.path() + "/run.leak";
        Command command;
        command.arguments = {kLeakline, "record", "-o", path, "--", kSubject, "rounds", progress};
        command.standard_output = Command::Stream::null;
        Child leakline = Child::start(command);
        while (::access(progress.c_str(), F_OK) != 0) {
            REQUIRE(leakline.running());
            ::usleep(10000);
        }
        const int service = child_named(leakline.pid(), "heap_subject");
        ::kill(leakline.pid(), number);
        // SIGTERM is handled by the subject (exit code 0); SIGINT is not.
        CHECK(leakline.wait().shell_code() == (number == SIGINT ? 128 + SIGINT : 0));
        CHECK(gone(service));
        CHECK(heap::read_profile(path).events > 0);
    }
}

TEST_CASE("a service that ignores SIGTERM is killed after the grace time") {
    const TemporaryDirectory folder;
    Command command;
    command.arguments = {
        kLeakline, "record", "--grace", "300ms", "-o", folder.path() + "/run.leak", "--", kSubject, "stubborn", folder.path() + "/ready"};
    command.standard_output = Command::Stream::null;
    Child leakline = Child::start(command);
    while (::access((folder.path() + "/ready").c_str(), F_OK) != 0) {
        REQUIRE(leakline.running());
        ::usleep(10000);
    }
    const int service = child_named(leakline.pid(), "heap_subject");
    ::kill(leakline.pid(), SIGTERM);
    CHECK(leakline.wait().shell_code() == 128 + SIGKILL);
    CHECK(gone(service));
}

TEST_CASE("200,000 distinct (size, stack) pairs, which kill heaptrack's interpreter, are recorded") {
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = {kSubject, "pairs", "200000"};
    options.command.standard_output = Command::Stream::null;
    heap::Recorder recorder = heap::Recorder::start(options);
    CHECK(recorder.child().wait().code == 0);
    const HeapProfile profile = recorder.finish();
    CHECK(profile.events >= 400000);
    CHECK(profile.completeness == Completeness::complete);
}
