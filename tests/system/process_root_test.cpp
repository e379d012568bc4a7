#include "system/process_root.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "system/byte_source.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
namespace fs = std::filesystem;

namespace {

// Waits, with `folder` as its root.
class Confined {
  public:
    explicit Confined(const std::string& folder) {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const char confined = ::chroot(folder.c_str()) == 0 ? 1 : 0;
            if (::write(ready[1], &confined, 1) == 1) ::pause();
            ::_exit(0);
        }
        char confined = 0;
        REQUIRE(::read(ready[0], &confined, 1) == 1);
        permitted_ = confined == 1;
        ::close(ready[0]), ::close(ready[1]);
    }
    ~Confined() { end(); }
    int pid() const { return pid_; }
    bool permitted() const { return permitted_; }
    void end() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

  private:
    int pid_ = 0;
    bool permitted_ = false;
};

}  // namespace

TEST_CASE("a process with our own root has our paths") {
    const ProcessRoot root(::getpid());
    CHECK(root.is_ours());
    CHECK(root.path_of("/etc/passwd") == "/etc/passwd");
    CHECK(ProcessRoot(0x7fffffff).is_ours());
}

TEST_CASE("links of another root stay within it, also after its process has ended") {
    const TemporaryDirectory folder;
    const std::string base = folder.path();
    fs::create_directories(base + "/releases/1/src");
    std::ofstream(base + "/releases/1/src/app.py") << "theirs";
    fs::create_symlink("/releases/1", base + "/current");
    fs::create_symlink("../../../../../../../../releases/1/src", base + "/releases/up");
    fs::create_symlink("/etc/passwd", base + "/secret");
    fs::create_symlink("loop", base + "/loop");
    Confined process(base);
    if (!process.permitted()) {
        MESSAGE("skipped: chroot is not permitted here");
        return;
    }
    const ProcessRoot root(process.pid()), again(process.pid());
    process.end();
    CHECK_FALSE(root.is_ours());
    CHECK(root.same_as(again));
    CHECK_FALSE(root.same_as(ProcessRoot(::getpid())));
    for (const char* path : {"/releases/1/src/app.py", "/current/src/app.py", "/releases/up/app.py", "/../current/./src//app.py"}) {
        CAPTURE(path);
        CHECK(read_file(root.path_of(path)) == "theirs");
    }
    // It may have been opened before the root was changed.
    CHECK(root.path_of("/etc/passwd") == "/etc/passwd");
    for (const char* path : {"/secret", "/loop", "/missing/../../etc/passwd"}) {
        CAPTURE(path);
        CHECK_FALSE(fs::is_regular_file(root.path_of(path)));
    }
    CHECK(root.path_of("src/app.py") == "src/app.py");
}
