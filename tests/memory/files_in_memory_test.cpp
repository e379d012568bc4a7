#include "memory/internal/files_in_memory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
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

TEST_CASE("a file of a tmpfs counts, also when it is deleted, a file of a disk does not") {
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
