// An owning file descriptor, and reads and writes that are complete.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace leakline {

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }  // the caller's from now on
    void close() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

  private:
    int number_ = -1;
};

// Writes all of bytes, across interrupted and partial writes. Returns how many were written: fewer than all where it failed,
// and errno says why. Safe from any thread.
std::size_t write_all(int descriptor, std::string_view bytes);

// Reads up to size bytes from a place in a file, across interrupted and partial reads. Returns how many were read: fewer where the file ends or
// cannot be read. Safe from any thread; does not move the file's own place.
std::size_t read_at(int descriptor, void* to, std::size_t size, std::uint64_t place);

}  // namespace leakline
