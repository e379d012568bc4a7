#include "memory/internal/files_in_memory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string>

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;

namespace {

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) { REQUIRE(number_ >= 0); }
    ~Descriptor() { ::close(number_); }
    Descriptor(const Descriptor&) = delete;
    int number() const { return number_; }
    void append(std::size_t bytes) const {
        const std::string text(bytes, 'x');
        REQUIRE(::write(number_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }

  private:
    int number_;
};

// Of this process, each look later than the rest after the one before.
class Looks {
  public:
    Bytes next() {
        ProcessReading reading;
        reading.pid = static_cast<int>(::getpid());
        files_.add({reading}, {}, now_ += 1000s);
        return files_.bytes();
    }

  private:
    FilesInMemory files_;
    Nanoseconds now_{};
};

constexpr std::size_t kSize = std::size_t{1} << 20;

}  // namespace

TEST_CASE("a memfd counts with what was written to it, once for all descriptors, less what is mapped") {
    Looks looks;
    const Bytes before = looks.next();
    const Descriptor file(::memfd_create("journal", 0)), second(::dup(file.number()));
    file.append(kSize);
    CHECK(looks.next() == before + kSize);
    void* const mapping = ::mmap(nullptr, kSize / 4, PROT_READ, MAP_SHARED, file.number(), 0);
    REQUIRE(mapping != MAP_FAILED);
    CHECK(looks.next() == before + kSize / 4 * 3);
    ::munmap(mapping, kSize / 4);
    REQUIRE(::ftruncate(file.number(), 0) == 0);
    CHECK(looks.next() == before);
}

TEST_CASE("a file without a name on a tmpfs counts, a file of a disk does not") {
    Looks looks;
    const Bytes before = looks.next();
    if (const int number = ::open("/dev/shm", O_TMPFILE | O_RDWR, 0600); number >= 0) {
        const Descriptor file(number);
        file.append(kSize);
        CHECK(looks.next() == before + kSize);
    } else {
        MESSAGE("not tested: /dev/shm takes no files");
    }
    CHECK(looks.next() == before);
    const Descriptor program(::open("/proc/self/exe", O_RDONLY));
    CHECK(looks.next() == before);
}

TEST_CASE("a file with a name on a tmpfs is a file, as on a disk, but for /dev/shm") {
    Looks looks;
    const Bytes before = looks.next();
    const std::string name = "/leakline_test." + std::to_string(::getpid());
    for (const std::string folder : {"/dev/shm", "/run", "/tmp"}) {
        struct statfs status {};
        const std::string path = folder + name;
        const bool in_memory = ::statfs(folder.c_str(), &status) == 0 && status.f_type == TMPFS_MAGIC;
        const int number = in_memory ? ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600) : -1;
        if (number < 0) {
            MESSAGE("not tested: " << folder);
            continue;
        }
        INFO(path);
        const Descriptor file(number);
        file.append(kSize);
        CHECK(looks.next() == before + (folder == "/dev/shm" ? kSize : 0));
        ::unlink(path.c_str());
        CHECK(looks.next() == before + kSize);
    }
}

TEST_CASE("looks are no more frequent than every 200 ms") {
    FilesInMemory files;
    ProcessReading reading;
    reading.pid = static_cast<int>(::getpid());
    files.add({reading}, {}, 10s);
    const Bytes before = files.bytes();
    const Descriptor file(::memfd_create("journal", 0));
    file.append(kSize);
    files.add({reading}, {}, 10s + 199ms);
    CHECK(files.bytes() == before);
    files.add({reading}, {}, 1000s);
    CHECK(files.bytes() == before + kSize);
}
