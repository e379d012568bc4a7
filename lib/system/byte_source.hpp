// Reads bytes from files, pipes and memory, decompressed.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace leakline {

// How a stream of bytes ended.
enum class StreamEnd {
    open,       // not at its end yet
    clean,      // the end of the file, and of every compressed frame in it
    truncated,  // the file ends inside a compressed frame; the bytes before it are good
    damaged,    // the compressed data is damaged; the bytes before it are good
};

// Reads a plain, gzip or zstd file (recognized by its first bytes; concatenated members and frames included).
class ByteSource {
  public:
    virtual ~ByteSource() = default;

    // Fills buffer from the start, returns how many bytes (0 only at the end). Damage ends the stream; it does not
    // throw. Throws Error{input} when the operating system refuses a read.
    virtual std::size_t read(std::span<char> buffer) = 0;

    virtual StreamEnd end() const = 0;
    // "plain", "gzip" or "zstd".
    virtual std::string_view encoding() const = 0;
    // Compressed bytes consumed so far, for progress; total where the size is known (not for pipes).
    virtual std::uint64_t consumed() const = 0;
    virtual std::optional<std::uint64_t> total() const = 0;
};

// path "-" is standard input. Throws Error{input} with the reason when the file cannot be opened. Where stop can be requested,
// that ends the opening of a pipe without a writer and any read after it with Error{input} "interrupted while reading".
std::unique_ptr<ByteSource> open_source(const std::string& path, const std::stop_token& stop = {});
// The same over bytes in memory (which must outlive the source) or over a file descriptor (which it closes). wait, where
// there is one, is called before each read of the descriptor, and not while there is more in what was read already; false
// ends the source there, as end() == open.
std::unique_ptr<ByteSource> memory_source(std::string_view bytes);
std::unique_ptr<ByteSource> descriptor_source(int descriptor, std::function<bool()> wait = {});

// All of a file, or of a source (name is for messages), decompressed. Throws Error{input} when it is larger than limit
// bytes, and as open_source() and the source do.
inline constexpr std::size_t kReadLimit = std::size_t{256} << 20;
std::string read_file(const std::string& path, std::size_t limit = kReadLimit, const std::stop_token& stop = {});
std::string read_all(ByteSource& source, const std::string& name, std::size_t limit = kReadLimit);

}  // namespace leakline
