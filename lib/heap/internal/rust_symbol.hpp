// Demangles names of Rust functions, which heaptrack's interpreter leaves mangled (v0) or decodes as C++ (legacy). Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace leakline::heap {

// "_RNvCs4fqI2P2rA04_4leak8remember" -> "leak::remember" (v0: RFC 2603), "leak::remember::ha80a28199f87543c" and
// "_$LT$u8$u20$as$u20$core..fmt..Debug$GT$::fmt::h0123456789abcdef" -> "<u8 as core::fmt::Debug>::fmt" (legacy, as a C++ demangler
// leaves it). Hashes and crate ids are removed. All other names, damaged ones included, are returned unchanged.
//
// Own code, because libiberty's demangler sets no limit to what a name of a few hundred bytes with back references may expand to,
// and names come from files.
std::string readable_rust_name(std::string_view name);

}  // namespace leakline::heap
