// The limit that alerts are a share of, from a real memory cgroup: trackd's own, and that of a process that leakline samples.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>

#include "base/strings.hpp"
#include "memory/limit.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"
#include "trackd_process.hpp"

namespace leakline {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;
using test::request_text;
using test::Trackd;

// A cgroup of this limit; nothing, and a message, where none can be made.
std::optional<memory::MemoryLimit> cgroup_of(Bytes bytes) {
    memory::MemoryLimit limit = memory::MemoryLimit::create(bytes);
    if (limit.cgroup()) return limit;
    MESSAGE("skipped: ", limit.warning());
    return std::nullopt;
}

// An alert's command that appends a line "STATUS USED LIMIT" to a file.
struct Pager {
    explicit Pager(const std::string& directory) : program(directory + "/page"), log(directory + "/pages") {
        std::ofstream(program) << "#!/bin/sh\necho \"$LEAKLINE_ALERT_STATUS $LEAKLINE_ALERT_USED_BYTES $LEAKLINE_ALERT_LIMIT_BYTES"
                               << "\" >> " << log << "\n";
        ::chmod(program.c_str(), 0755);
    }
    std::vector<std::string> lines() const {
        std::vector<std::string> out;
        const std::string text = read_small_file(log).value_or("");
        for (const std::string_view line : split(text, '\n'))
            if (!line.empty()) out.emplace_back(line);
        return out;
    }
    const std::string program, log;
};

bool comes_true(const std::function<bool()>& what) {
    const Nanoseconds deadline = system_clock().monotonic() + 60s;
    while (!what()) {
        if (system_clock().monotonic() > deadline) return false;
        system_clock().sleep_until(system_clock().monotonic() + 10ms);
    }
    return true;
}

struct Page {
    std::string status;
    Bytes used = 0, limit = 0;
};
Page page_of(const std::string& line) {
    const auto words = split(line, ' ');
    REQUIRE(words.size() == 3);
    return {std::string(words[0]), std::stoull(std::string(words[1])), std::stoull(std::string(words[2]))};
}

TEST_CASE("trackd in a memory cgroup alerts at its share of the cgroup's limit") {
    constexpr Bytes kLimit = Bytes{64} << 20;
    const auto limit = cgroup_of(kLimit);
    if (!limit) return;
    const TemporaryDirectory directory;
    const Pager pager(directory.path());
    Trackd trackd(directory,
                  {"--mode", "leaky", "--db", "none", "--alert-at", "80%", "--alert-for", "1s", "--alert-to", "command=" + pager.program,
                   "--time-scale", "20", "--memory-limit", "1GiB"},
                  {LEAKLINE_BIN_DIR "/trackd"}, [&](Command& command) { limit->put_on(command); });
    const std::string request =
        request_text("POST", "/api/track", R"({"user_id":1,"events":[{"x":")" + std::string(100'000, 'x') + "\"}]}");
    RawConnection connection(trackd.port());
    const auto fill_to = [&](Bytes wanted) {
        for (int i = 0; i < 2000 && limit->figures().current_bytes.value_or(0) < wanted; ++i) {
            REQUIRE(connection.send(request));
            REQUIRE(RawConnection::status(connection.response()) == 200);
        }
    };
    fill_to(kLimit / 2);
    system_clock().sleep_until(system_clock().monotonic() + 300ms);  // six looks of the watcher
    CHECK(pager.lines().empty());
    fill_to(kLimit / 100 * 90);
    REQUIRE(comes_true([&] { return !pager.lines().empty(); }));
    const Page page = page_of(pager.lines()[0]);
    CHECK(page.status == "firing");
    CHECK(page.limit == kLimit);  // not the 1 GiB that it was told
    CHECK(page.used >= kLimit / 10 * 8);
    const std::string metrics = trackd.ask(request_text("GET", "/metrics"));
    CHECK(metrics.find("trackd_alert_firing 1\n") != std::string::npos);
    CHECK(metrics.find("trackd_memory_limit_bytes 67108864\n") != std::string::npos);
}

TEST_CASE("leakline sample alerts by the limit of the cgroup that it finds a process in: fires, repeats by the gap, resolves") {
    // So wide that what an interpreter and its pages take (4 to 12 MiB, by its version and what was read before) moves none
    // of the three levels below over a threshold: alerts start at 205 MiB of 256 and end at 192.
    constexpr Bytes kLimit = Bytes{256} << 20;
    const auto limit = cgroup_of(kLimit);
    if (!limit) return;
    const TemporaryDirectory directory;
    const Pager pager(directory.path());
    // A process that holds 220 MiB beside its own few, then 30 fewer, then none of them, as it is told by files.
    Command subject;
    subject.arguments = {"python3", "-c", R"(
import mmap, os, sys, time
def is_set(name):
    while not os.path.exists(f"{sys.argv[1]}/{name}"): time.sleep(0.01)
def hold(mib):
    held = mmap.mmap(-1, mib << 20)
    for page in range(0, mib << 20, 4096): held[page] = 1
    return held
is_set("220")
most, rest = hold(190), hold(30)
open(f"{sys.argv[1]}/220.held", "w").close()
is_set("190")
rest.close()
open(f"{sys.argv[1]}/190.held", "w").close()
is_set("0")
most.close()
open(f"{sys.argv[1]}/0.held", "w").close()
time.sleep(600)
)",
                         directory.path()};
    limit->put_on(subject);
    Child process = Child::start(subject);
    const auto hold = [&](const std::string& mib) {
        std::ofstream(directory.path() + "/" + mib) << "";
        REQUIRE(comes_true([&] { return read_small_file(directory.path() + "/" + mib + ".held").has_value(); }));
    };
    Command sample;
    sample.arguments = {LEAKLINE_BIN_DIR "/leakline",
                        "sample",
                        "--pid",
                        std::to_string(process.pid()),
                        "--interval",
                        "20ms",
                        "-o",
                        directory.path() + "/samples.csv",
                        "--alert-at",
                        "80%",
                        "--alert-for",
                        "100ms",
                        "--alert-every",
                        "400ms",
                        "--alert-to",
                        "command=" + pager.program};
    sample.output_file = directory.path() + "/output";
    Child sampler = Child::start(sample);
    REQUIRE(comes_true([&] { return read_small_file(directory.path() + "/samples.csv").value_or("").size() > 200; }));
    CHECK(pager.lines().empty());

    const Nanoseconds alerts_from = system_clock().monotonic();
    hold("220");
    REQUIRE(comes_true([&] { return pager.lines().size() >= 3; }));
    hold("190");  // with python's own: above 75 %, so neither resolved nor silent
    const std::size_t before = pager.lines().size();
    system_clock().sleep_until(system_clock().monotonic() + 500ms);
    for (const std::string& line : pager.lines()) CHECK(page_of(line).status != "resolved");
    hold("0");
    REQUIRE(comes_true([&] { return pager.lines().back().starts_with("resolved "); }));
    const std::vector<std::string> lines = pager.lines();
    CHECK(lines.size() > before);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Page page = page_of(lines[i]);
        CHECK(page.status == (i == 0 ? "firing" : i + 1 == lines.size() ? "resolved" : "repeated"));
        CHECK(page.limit == kLimit);
    }
    // By our clock: when a page is written depends on how long its shell takes to start.
    CHECK(static_cast<double>(lines.size()) <= 3 + to_seconds(system_clock().monotonic() - alerts_from) / 0.4);
    sampler.signal(SIGINT);
    CHECK(sampler.wait_for(60s));
    process.signal(SIGKILL);
}

}  // namespace
}  // namespace leakline
