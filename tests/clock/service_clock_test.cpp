// Programs under a clock of their own: those that use everything that reads clocks or waits, interpreters, and those whose clock
// cannot be set.
#include "clock/service_clock.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "heap/recorder.hpp"
#include "support/binary.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

struct Run {
    int code = -1;
    std::string out;
    double seconds = 0;
};

Run run(std::vector<std::string> arguments, const clock::ClockOptions& options, const std::vector<std::string>& more = {}) {
    const TemporaryDirectory directory;
    arguments[0] = binary(arguments[0]);
    Command command;
    command.arguments = arguments;
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    command.output_file = directory.path() + "/out";
    const clock::ServiceClock clock(options, command.arguments);
    clock.put_on(command);
    const Nanoseconds begin = system_clock().monotonic();
    Child child = Child::start(command);
    Run result;
    if (const auto status = child.wait_for(std::chrono::seconds(120))) result.code = status->shell_code();
    result.seconds = to_seconds(system_clock().monotonic() - begin);
    result.out = read_file(command.output_file);
    return result;
}

clock::ClockOptions scaled(double scale) {
    clock::ClockOptions options;
    options.scale = scale;
    return options;
}

// A path of the system's interpreter, which is looked up in PATH.
std::optional<std::string> interpreter(const char* name) {
    const auto found = find_executable(name);
    if (!found) MESSAGE("not tried: no ", name, " here");
    return found;
}

// Runs a program that waits for 50 minutes and prints "wall N" and "steady N", the seconds that it saw.
void waits_fifty_minutes(const std::vector<std::string>& command) {
    const Run result = run(command, scaled(1800));
    INFO(command[0] << ": " << result.out);
    CHECK(result.code == 0);
    for (const char* name : {"wall ", "steady "}) {
        const std::size_t at = result.out.find(name);
        REQUIRE(at != std::string::npos);
        const double seconds = std::stod(result.out.substr(at + std::string(name).size()));
        CHECK(seconds >= 2999);
        // Its clock and ours agree.
        CHECK(seconds <= 1800 * result.seconds + 1);
    }
    CHECK(result.seconds < 60);
}

}  // namespace

TEST_CASE("waits of all kinds last as long by the program's clock as they should, in forked and started processes too") {
    const Run result = run({"clock_abuser"}, scaled(20'000));
    INFO(result.out);
    CHECK(result.code == 0);
    // More than 17 hours of waits one after the other.
    CHECK(result.seconds < 100);
}

TEST_CASE("the heap recorder sees a program with a clock of its own, and times by the machine's") {
    heap::RecordOptions options;
    // Without the checks that count on few signals or on cancelled threads, which the recorder's libraries have tests for.
    options.command.arguments = {binary("clock_abuser"), "clocks", "conditions", "descriptors", "processes", "threads"};
    const clock::ServiceClock clock(scaled(20'000), options.command.arguments);
    clock.put_on(options.command);
    const Nanoseconds begin = system_clock().monotonic();
    heap::Recorder recorder = heap::Recorder::start(std::move(options));
    const ExitStatus status = recorder.child().wait();
    const double seconds = to_seconds(system_clock().monotonic() - begin);
    const HeapProfile profile = recorder.finish();
    CHECK(status.text() == "exit code 0");
    CHECK(profile.completeness == Completeness::complete);
    CHECK(profile.events > 0);
    CHECK(to_seconds(profile.duration) <= seconds + 0.5);
}

TEST_CASE("a wall clock starts where it is told to, at the machine's speed") {
    clock::ClockOptions options;
    options.wall_start = std::chrono::seconds(1'700'000'000);
    const Run result = run({"/bin/date", "-u", "+%Y-%m-%d"}, options);
    CHECK(result.code == 0);
    CHECK(result.out == "2023-11-14\n");
    // What a shell starts has the same clock, and a shortest wait of its own keeps a longer one as it is.
    options.scale = 1000;
    options.shortest_wait = std::chrono::hours(1);
    const Run shell = run({"/bin/sh", "-c", "date +%s; sleep 1; date +%s"}, options);
    INFO(shell.out);
    const long first = std::stol(shell.out), second = std::stol(shell.out.substr(shell.out.find('\n')));
    CHECK(first >= 1'700'000'000);
    CHECK(second - first >= 1000);
    CHECK(shell.seconds >= 1);
}

TEST_CASE("without anything to change, a program keeps the machine's clock, and bad settings are none") {
    CHECK_FALSE(clock::ClockOptions{}.changes_time());
    const TemporaryDirectory directory;
    Command command;
    command.arguments = {"/bin/date", "+%s"};
    command.output_file = directory.path() + "/out";
    const clock::ServiceClock clock(scaled(1e6), command.arguments);
    clock.put_on(command);
    for (auto& [name, value] : command.environment)
        if (name == clock::kVariable) value = "fast";
    CHECK(Child::start(command).wait().code == 0);
    const long shown = std::stol(read_file(command.output_file)),
               now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall()).count();
    CHECK(std::abs(now - shown) < 30);
}

TEST_CASE("Python, Node.js and Java wait by their program's clock") {
    if (const auto python = interpreter("python3"))
        waits_fifty_minutes({*python, "-c", R"(
import asyncio, queue, select, threading, time
wall, steady = time.time(), time.monotonic()
threading.Event().wait(600)
time.sleep(600)
asyncio.run(asyncio.sleep(600))
select.select([], [], [], 600)
try: queue.Queue().get(timeout=600)
except queue.Empty: pass
print("wall", time.time() - wall, "steady", time.monotonic() - steady))"});
    if (const auto node = interpreter("node"))
        waits_fifty_minutes({*node, "-e", R"(
const wall = Date.now(), steady = process.hrtime.bigint();
let ticks = 0;
const timer = setInterval(() => {
  if (++ticks < 4) return;
  clearInterval(timer);
  setTimeout(() => console.log('wall', (Date.now() - wall) / 1000, 'steady', Number(process.hrtime.bigint() - steady) / 1e9), 600e3);
}, 600e3);)"});
    const auto java = interpreter("java");
    if (!java || !interpreter("javac")) return;
    const TemporaryDirectory directory;
    OutputFile source(directory.path() + "/Waits.java");
    source.write(R"(
import java.util.concurrent.*;
public class Waits {
    public static void main(String[] words) throws Exception {
        long wall = System.currentTimeMillis(), steady = System.nanoTime();
        var pool = Executors.newScheduledThreadPool(1);
        var latch = new CountDownLatch(3);
        pool.scheduleAtFixedRate(latch::countDown, 600, 600, TimeUnit.SECONDS);
        latch.await();
        Object monitor = new Object();
        synchronized (monitor) { monitor.wait(600_000); }
        Thread.sleep(600_000);
        System.out.println("wall " + (System.currentTimeMillis() - wall) / 1e3 + " steady " + (System.nanoTime() - steady) / 1e9);
        System.exit(0);
    }
})");
    source.commit();
    waits_fifty_minutes({*java, "-XX:TieredStopAtLevel=1", directory.path() + "/Waits.java"});
}

TEST_CASE("programs whose clock cannot be set are refused with the reason") {
    const auto reason = [](const std::string& program) {
        try {
            const clock::ServiceClock clock(scaled(600), {binary(program)});
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::input);
            CHECK_FALSE(error.hint().empty());
            return error.message();
        }
        return std::string("none");
    };
    CHECK(reason("heap_subject_static") == "its clock cannot be set: it is linked statically, so no library can be loaded into it");
    CHECK(reason("heap_subject_musl") == "its clock cannot be set: it is linked with musl, and the library of the clock needs glibc");
    CHECK(reason("clock_abuser") == "none");
    // What only shows in the process: this one has the machine's clock.
    try {
        clock::require_scaled_clock(::getpid());
        FAIL("must throw");
    } catch (const Error& error) {
        CHECK(error.message() ==
              fmt::format("the clock of process {} cannot be set: it did not load the library of the clock (it may be setuid, "
                          "drop LD_PRELOAD from the environment, change its user, or run in another container)",
                          ::getpid()));
    }
    clock::require_scaled_clock(1 << 22);  // none
}

TEST_CASE("a Go program is refused, by the file and in the process") {
    // The magic of Go's build information, in its own section; see lib/heap's elf_file.cpp.
    const auto go = find_executable("go");
    if (!go) {
        MESSAGE("not tried: no go here");
        return;
    }
    const TemporaryDirectory directory;
    OutputFile source(directory.path() + "/main.go");
    source.write("package main\nfunc main() {}\n");
    source.commit();
    const Outcome built = run_binary(*go, {"build", "-o", directory.path() + "/program", directory.path() + "/main.go"});
    REQUIRE(built.code == 0);
    CHECK(clock::why_not_scalable(directory.path() + "/program") == "is a Go program, which reads the clock without the C library");
}

TEST_CASE("reading the clock costs little more than without a scale") {
    const Run result = run({"clock_reader", "50"}, scaled(1800));
    CHECK(result.code == 0);
    MESSAGE(result.out);
    const double added = std::stod(result.out.substr(result.out.find("added ") + 6));
    CHECK(added < 60);  // 5 to 7 on a quiet machine
}
