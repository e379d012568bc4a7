// Any heap recording from a file, by its content.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/quantities.hpp"
#include "model/heap.hpp"
#include "system/byte_source.hpp"

namespace leakline::heap {

struct ReadOptions {
    Nanoseconds mark_interval = std::chrono::seconds(1);  // for files that have no marks of their own (heaptrack's)
    std::size_t max_marks = 600;
    unsigned threads = 2;  // 1: decompress and parse in turn; more: decompress ahead, in one thread of its own
};

// path "-" is standard input. Damage is tolerated and stands in the result; throws Error{input} where the file cannot
// be opened, is of no known format, or holds no allocation at all.
HeapProfile read_profile(const std::string& path, const ReadOptions& options = {});
// The same of bytes; name is what errors call them.
HeapProfile read_profile(std::unique_ptr<ByteSource> bytes, const std::string& name, const ReadOptions& options = {});

// Whether content that begins so (16 bytes are enough) is heaptrack's or our own, of whichever version.
bool is_recording(std::string_view head);

}  // namespace leakline::heap
