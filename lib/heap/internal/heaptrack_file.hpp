// Files that heaptrack wrote, interpreted or raw, read into a profile.
#pragma once

#include <string>
#include <string_view>

#include "heap/profile_reader.hpp"
#include "model/heap.hpp"
#include "system/byte_source.hpp"

namespace leakline::heap {

enum class HeaptrackKind { none, interpreted, raw };

// By the first bytes of the content: both begin with a "v" record; the first that only one of them has decides.
HeaptrackKind heaptrack_kind(std::string_view head);

// The whole content, damage tolerated. name: for places in messages. Throw Error{input} for an unknown format.
HeapProfile read_interpreted(ByteSource& content, const std::string& name, const ReadOptions& options);
// Addresses are named by heaptrack's interpreter, from the modules as they are on this machine now.
HeapProfile read_raw(ByteSource& content, const std::string& name, const ReadOptions& options);

}  // namespace leakline::heap
