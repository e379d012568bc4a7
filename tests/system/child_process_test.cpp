#include "system/child_process.hpp"
#include "base/error.hpp"
#include "system/byte_source.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

using namespace leakline;
using namespace std::chrono_literals;

namespace {
Command shell(const std::string& script) {
    Command command;
    command.arguments = {"sh", "-c", script};
    return command;
}
}  // namespace

TEST_CASE("a child's exit code and its signal are told apart") {
    CHECK(Child::start(shell("exit 3")).wait().code == 3);
    const ExitStatus killed = Child::start(shell("kill -9 $$")).wait();
    CHECK(killed.signal == SIGKILL);
    CHECK(killed.shell_code() == 137);
    CHECK(killed.text() == "signal 9 (killed)");
}

TEST_CASE("the environment is ours with the additions on top, and output goes where it was sent") {
    const TemporaryDirectory directory;
    ::setenv("LEAKLINE_TEST_A", "ours", 1);
    Command command = shell("echo $LEAKLINE_TEST_A $LEAKLINE_TEST_B; pwd; echo err >&2");
    command.environment = {{"LEAKLINE_TEST_A", "theirs"}, {"LEAKLINE_TEST_B", "b"}};
    command.directory = "/usr";
    command.output_file = directory.path() + "/out";
    CHECK(Child::start(command).wait().code == 0);
    CHECK(read_file(command.output_file) == "theirs b\n/usr\nerr\n");
}

TEST_CASE("a program that cannot be run is an error that says why") {
    const TemporaryDirectory directory;
    Command command;
    command.arguments = {"leakline-no-such-program"};
    CHECK_THROWS_WITH_AS(Child::start(command),
                         "leakline-no-such-program: no such program\n  hint: give its path, or add its directory to PATH", Error);
    const std::string script = directory.path() + "/script";
    std::ofstream(script) << "#!/no/such/interpreter\n";
    command.arguments = {script};
    CHECK_THROWS_WITH_AS(Child::start(command), (script + ": is not an executable file\n  hint: chmod +x it, or name another").c_str(),
                         Error);
    ::chmod(script.c_str(), 0755);
    CHECK_THROWS_WITH_AS(Child::start(command),
                         (script + ": cannot run: no such file or directory\n  hint: its interpreter (the #! line, or "
                                   "the ELF loader) does not exist")
                             .c_str(),
                         Error);
}

TEST_CASE("terminate ends a child that ignores SIGTERM, and its whole group") {
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/pid";
    Child child = Child::start(
        shell("trap '' TERM; sleep 100 & echo $! > " + file + ".new; mv " + file + ".new " + file + "; while :; do sleep 1; done"));
    while (::access(file.c_str(), F_OK) != 0) CHECK(child.running());
    const int grandchild = std::stoi(read_file(file));
    CHECK(child.terminate(50ms).signal == SIGKILL);
    // The grandchild got SIGTERM with the group: it is gone, or a zombie that its new parent has not reaped yet.
    for (int i = 0; i < 500 && ::kill(grandchild, 0) == 0; ++i) {
        const auto stat = read_small_file("/proc/" + std::to_string(grandchild) + "/stat");
        if (!stat || stat->find(") Z ") != std::string::npos) return;
        ::usleep(10'000);
    }
    CHECK(::kill(grandchild, 0) != 0);
}

TEST_CASE("wait_for gives up at its deadline and returns as soon as the child ends") {
    Child child = Child::start(shell("exec sleep 30"));
    CHECK_FALSE(child.wait_for(20ms).has_value());
    child.signal(SIGINT);
    CHECK(child.wait_for(10s)->signal == SIGINT);
    CHECK_FALSE(child.running());
}

TEST_CASE("a command's text can be pasted into a shell") {
    Command command;
    command.arguments = {"./svc", "--name", "it's", "a b", ""};
    CHECK(command.text() == "./svc --name 'it'\\''s' 'a b' ''");
}
