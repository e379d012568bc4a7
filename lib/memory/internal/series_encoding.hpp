// Text files as UTF-8, whatever wrote them: PowerShell's ">" writes UTF-16.
//
// Thread-safety: the source is one thread's at a time.
#pragma once

#include <memory>

#include "system/byte_source.hpp"

namespace leakline::memory {

// The same text as UTF-8: UTF-16 in both byte orders (by its byte order mark, or by where its zero bytes stand) is
// converted, half of a surrogate pair becomes "?"; a mark of UTF-8 is passed over. Anything else is as it was.
std::unique_ptr<ByteSource> as_utf8(std::unique_ptr<ByteSource> source);

}  // namespace leakline::memory
