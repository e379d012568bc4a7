// Reads heap recordings of any format, which is detected by content.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "model/heap.hpp"
#include "system/byte_source.hpp"

namespace leakline::heap {

struct ReadOptions {
    Nanoseconds mark_interval = std::chrono::seconds(1);  // for files without marks (heaptrack's)
    std::size_t max_marks = 600;
    unsigned threads = 2;  // 1: decompress and parse in turn; more: decompress ahead, in one thread of its own
};

// path "-" is standard input. Damage is tolerated and noted in the result; throws Error{input} if the file cannot
// be opened, has no known format, or contains no allocation.
HeapProfile read_profile(const std::string& path, const ReadOptions& options = {});
// The same for bytes; name is used in errors.
HeapProfile read_profile(std::unique_ptr<ByteSource> bytes, const std::string& name, const ReadOptions& options = {});

// Several profiles of one Node.js process (V8's .heapprofile), in the order in which they were written: the state of its heap at several times. One
// path: as read_profile. Throws Error{input} for other files.
HeapProfile read_profiles(const std::vector<std::string>& paths, const ReadOptions& options = {});

// Whether content that begins like this (16 bytes are enough) is heaptrack's or leakline's, of any version.
bool is_recording(std::string_view head);

}  // namespace leakline::heap
