// Waiting that a stop ends: with std::stop_source in place of a signal.
#include "system/stop.hpp"
#include "base/error.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace leakline;
using namespace std::chrono_literals;

namespace {

bool is_readable(int descriptor) {
    pollfd wait{descriptor, POLLIN, 0};
    return ::poll(&wait, 1, 0) == 1;
}

// Requests the stop from another thread, as a signal's does. What waits for more than the test's time would fail by that.
class LateStop {
  public:
    std::stop_token token() const { return source_.get_token(); }

  private:
    std::stop_source source_;
    std::jthread thread_{[source = source_]() mutable {
        std::this_thread::sleep_for(20ms);
        source.request_stop();
    }};
};

struct Pipe {
    TemporaryDirectory folder;
    std::string path = folder.path() + "/pipe";
    Pipe() { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
};

}  // namespace

TEST_CASE("a descriptor becomes readable when the stop is requested, and stays so") {
    std::stop_source source;
    const StopDescriptor early(source.get_token());
    CHECK_FALSE(is_readable(early.get()));
    CHECK_FALSE(early.requested());
    source.request_stop();
    CHECK(is_readable(early.get()));
    CHECK(is_readable(early.get()));
    CHECK(early.requested());
    const StopDescriptor late(source.get_token());
    CHECK(is_readable(late.get()));
    CHECK(StopDescriptor({}).get() == -1);
}

TEST_CASE("a sleep is as long as asked for, and a stop ends it") {
    const Nanoseconds begin = system_clock().monotonic();
    CHECK(sleep_for({}, 5ms));
    CHECK(system_clock().monotonic() >= begin + 5ms);
    const LateStop stop;
    CHECK_FALSE(sleep_until(stop.token(), Nanoseconds::max()));
    CHECK_FALSE(sleep_for(stop.token(), 1h));
    CHECK_FALSE(sleep_for(stop.token(), 0ms));
}

TEST_CASE("a stop ends the wait for a child, which goes on") {
    Command command;
    command.arguments = {"sleep", "1000"};
    Child child = Child::start(command);
    const LateStop stop;
    CHECK_FALSE(child.wait_for(1h, stop.token()));
    CHECK(child.running());
    CHECK(child.terminate(1h).signal == SIGTERM);
}

TEST_CASE("a stop ends the reading of a pipe whose writer is silent, and of one that has no writer") {
    const Pipe pipe;
    for (const bool has_writer : {false, true}) {
        CAPTURE(has_writer);
        const int writer = has_writer ? ::open(pipe.path.c_str(), O_RDWR | O_CLOEXEC) : -1;
        const LateStop stop;
        CHECK_THROWS_WITH_AS(read_file(pipe.path, kReadLimit, stop.token()), (pipe.path + ": interrupted while reading").c_str(), Error);
        ::close(writer);
    }
}

TEST_CASE("what can be stopped reads a pipe to its end all the same, also where the writer comes late") {
    const Pipe pipe;
    const std::string text(300'000, 'x');
    std::jthread writer([&] {
        std::this_thread::sleep_for(20ms);
        OutputFile file(pipe.path);
        file.write(text);
        file.commit();
    });
    const std::stop_source never;
    CHECK(read_file(pipe.path, kReadLimit, never.get_token()) == text);
}

TEST_CASE("a stop ends the wait for a reader, and the writing into a pipe that nobody reads on") {
    const Pipe pipe;
    {
        const LateStop stop;
        CHECK_THROWS_WITH_AS(OutputFile(pipe.path, stop.token()), (pipe.path + ": interrupted before anyone read from it").c_str(), Error);
    }
    const int reader = ::open(pipe.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const LateStop stop;
    OutputFile file(pipe.path, stop.token());
    CHECK_THROWS_WITH_AS(file.write(std::string(1'000'000, 'x')), (pipe.path + ": interrupted while writing").c_str(), Error);
    ::close(reader);
}

TEST_CASE("what can be stopped writes a pipe whole") {
    const Pipe pipe;
    const std::string text(300'000, 'x');
    std::string got;
    std::jthread reader([&] { got = read_file(pipe.path); });
    const std::stop_source never;
    OutputFile file(pipe.path, never.get_token());
    file.write(text);
    file.commit();
    reader.join();
    CHECK(got == text);
}
