// Reads text files as UTF-8; PowerShell's ">" writes UTF-16.
//
// Thread-safety: the source is one thread's at a time.
#pragma once

#include <memory>

#include "system/byte_source.hpp"

namespace leakline::memory {

// The same text as UTF-8: UTF-16 in both byte orders (detected by its byte order mark or by the places of zero bytes) is
// converted, half of a surrogate pair becomes "?"; a byte order mark of UTF-8 is removed. Anything else is unchanged.
std::unique_ptr<ByteSource> as_utf8(std::unique_ptr<ByteSource> source);

}  // namespace leakline::memory
