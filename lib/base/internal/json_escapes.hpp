// The inside of JSON strings, many bytes at a time: a request's body is mostly JSON in a JSON string, with an escape every
// eight bytes or so, and undoing them is most of what reading a log costs.
//
// Thread-safety: pure.
#pragma once

#include <cstddef>

namespace leakline {

// Copying stores up to so many bytes more than it copies.
inline constexpr std::size_t kCopySlack = 32;

// The first '"' or '\' in [at, end), or end.
const char* find_special(const char* at, const char* end);

// Copies [at, end) to `to`, which moves on, without the backslashes of \" and \\. Where it stops: at a '"' that is not escaped,
// at any other escape, or at the end. Precondition: room at `to` for all of it, and the slack.
const char* copy_unescaping(const char* at, const char* end, char*& to);

}  // namespace leakline
