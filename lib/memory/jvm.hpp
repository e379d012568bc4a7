// The live objects of a HotSpot JVM (OpenJDK and its builds), counted by the JVM itself. It is asked through the socket that `jcmd`
// uses, which every JRE has; no JDK is needed.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::memory {

struct ObjectClass {
    std::string name;  // "byte[]", "java.lang.String[]", "java.util.HashMap$Node"
    std::uint64_t objects = 0;
    Bytes bytes = 0;
};

struct LiveObjects {
    std::uint64_t objects = 0;  // of all classes
    Bytes bytes = 0;
    std::vector<ObjectClass> classes;  // largest first
};

// The answer to GC.class_histogram: rows of "num: #instances #bytes class name (module)", and their total. Nothing where there is no
// total (torn), or it is not the sum of the rows.
std::optional<LiveObjects> parse_class_histogram(std::string_view text);

// Whether this process has loaded HotSpot's library.
bool is_jvm(int pid);

// Has the JVM make a full collection, which stops it for as long as that takes (0.2 s per GB of live objects), and count what is left.
// Nothing where it does not answer within the time: another user's, started with -XX:+DisableAttachMechanism or -Xrs, or no HotSpot.
std::optional<LiveObjects> count_live_objects(int pid, Nanoseconds timeout = std::chrono::seconds(30));

}  // namespace leakline::memory
