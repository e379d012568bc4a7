// Attaching to a process that is just starting.
#include "attached_process.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "base/error.hpp"
#include "heap/internal/attach.hpp"
#include "system/descriptor.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using std::chrono::seconds;

namespace {

const std::string kSubject = std::string(LEAKLINE_BIN_DIR) + "/heap_attach_subject";

// A program whose loader waits for the first bytes of a library: in its place, the loader finds a pipe.
class PausedProgram {
  public:
    explicit PausedProgram(const std::string& library)
        : pipe_(make_pipe(folder_.path() + "/" + library)), program_({"/usr/bin/env", "LD_LIBRARY_PATH=" + folder_.path(), kSubject}) {
        // The loader opens it for reading.
        REQUIRE(test::comes_true([&] {
            writer_ = Descriptor(::open(pipe_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
            return writer_.get() >= 0;
        }));
        // Not before: what is not read yet would be lost.
        REQUIRE(test::comes_true(
            [&] { return read_small_file(fmt::format("/proc/{}/syscall", program_.pid())).value_or("").starts_with("0 "); }));
    }
    // A library for another kind of machine: the loader looks for it in other folders.
    void go_on() {
        std::string header(
            "\x7f"
            "ELF\1\1\1",
            7);
        header.resize(1024);
        REQUIRE(write_all(writer_.get(), header) == header.size());
        writer_.close();
    }
    test::AskedProgram& operator*() { return program_; }
    test::AskedProgram* operator->() { return &program_; }

  private:
    static std::string make_pipe(const std::string& path) {
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        return path;
    }
    TemporaryDirectory folder_;
    std::string pipe_;
    Descriptor writer_;
    test::AskedProgram program_;
};

void check_attached(test::AskedProgram& program, heap::Attached attached) {
    CHECK(attached.segment->state() == agent::AttachState::recording);
    CHECK(program.ask("keep 10 24") == "ok 0");
    CHECK(attached.segment->detach(seconds(20)));
    CHECK(test::comes_true([&] { return test::is_as_before(program.pid()); }));
    CHECK(program.ask("free") == "ok 0");
}

}  // namespace

TEST_CASE("a program whose loader is at work is attached to once that is done, and otherwise refused for that reason") {
    // Found before libc.so.6, when a library with a similar name is loaded already; and after it, before anything is relocated.
    for (const char* const library : {"libc.so.6", "libm.so.6"}) {
        CAPTURE(library);
        PausedProgram program(library);
        CHECK_THROWS_WITH_AS(heap::attach_agent(program->pid(), 1, {}, std::chrono::milliseconds(50)),
                             fmt::format("process {}: is just starting, or loads a library: its loader (ld.so) is at work\n"
                                         "  hint: try again when it has started",
                                         program->pid())
                                 .c_str(),
                             Error);
        std::optional<heap::Attached> attached;
        std::string failure;
        std::thread attaching([&] {
            try {
                attached = heap::attach_agent(program->pid(), 1, {}, seconds(60));
            } catch (const Error& error) {
                failure = error.what();
            }
        });
        program.go_on();
        attaching.join();
        REQUIRE(failure.empty());
        check_attached(*program, *std::move(attached));
    }
}

TEST_CASE("a program that calls exec again and again is attached to once it waits") {
    for (int time = 0; time < 3; ++time) {
        test::AskedProgram program({kSubject, "200"});
        check_attached(program, heap::attach_agent(program.pid(), 1, {}, seconds(60)));
    }
}
