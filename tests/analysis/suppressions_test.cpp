#include <doctest/doctest.h>

#include "analysis/lines/internal/suppressions.hpp"
#include "analysis/lines/lines.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace std::chrono_literals;
using analysis::suppression_matches;

TEST_CASE("suppression patterns match as they do in heaptrack_print 1.4") {
    // Each row was tried there, in a recording with such a function, file or module.
    CHECK(suppression_matches("foo", "xfoox"));
    CHECK(suppression_matches("foo", "/usr/lib/libfoo.so"));
    CHECK(suppression_matches("^foo", "foox"));
    CHECK_FALSE(suppression_matches("^foo", "xfoo"));
    CHECK(suppression_matches("foo$", "xfoo"));
    CHECK_FALSE(suppression_matches("foo$", "foox"));
    CHECK(suppression_matches("f*o", "fxo"));
    CHECK(suppression_matches("foo*bar", "afoozzbarq"));
    CHECK(suppression_matches("lib*.so", "/usr/lib/libfoo.so"));
    CHECK_FALSE(suppression_matches("FOO", "foo"));

    CHECK(suppression_matches("a*b*c$", "xaabbbcbc"));
    CHECK_FALSE(suppression_matches("a*b*c$", "xaabbbcb"));
    CHECK_FALSE(suppression_matches("", "anything"));
    CHECK_FALSE(suppression_matches("^$", ""));
}

TEST_CASE("live bytes at the end are suppressed by any frame of their stack, module or file included") {
    test::ProfileBuilder builder;
    const TraceId kept = builder.trace({{"append()", "/src/cache.cpp", 31}});
    const TraceId exit_handler = builder.trace({{"malloc_it", "", 0}, {"__new_exitfn", "cxa_atexit.c", 12}});
    const TraceId declared = builder.trace({{"f", "/src/third_party/z.c", 1}}, "/usr/lib/libz.so");
    const TraceId freed = builder.trace({{"tzset_internal", "tzset.c", 1}});
    builder.allocate(kept, 100, 1);
    builder.allocate(exit_handler, 10, 2);
    builder.allocate(declared, 7, 1);
    builder.allocate(freed, 5, 1);
    builder.round_end();
    builder.release(freed, 5, 1);
    builder.mark(HeapMark::Kind::finish, 30s);
    CHECK(analysis::grow_lines(builder.profile()).totals.leaked_bytes == 127);
    CHECK(analysis::grow_lines(builder.profile()).totals.suppressed_bytes == 20);
    builder.profile().suppressions = {"third_party"};
    CHECK(analysis::grow_lines(builder.profile()).totals.suppressed_bytes == 27);
}
