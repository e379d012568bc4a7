#include "system/procfs.hpp"

#include <doctest/doctest.h>

using namespace leakline;

TEST_CASE("statm gives size, resident and shared bytes") {
    const auto statm = parse_statm("1765 410 382 5 0 123 0\n");
    REQUIRE(statm);
    CHECK(statm->size == 1765 * page_size());
    CHECK(statm->resident == 410 * page_size());
    CHECK(statm->shared == 382 * page_size());
}

TEST_CASE("what is not statm is nothing") {
    for (const char* text : {"", "\n", "1765 410", "1765 -410 382", "1765 41x0 382 5", "a b c", "99999999999999999999 1 1",
                             "18446744073709551615 1 1 0 0 0 0"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_statm(text));
    }
}

TEST_CASE("smaps_rollup gives bytes, and a field that an older kernel lacks is absent") {
    const auto rollup = parse_smaps_rollup(
        "55a0-7ffc ---p 00000000 00:00 0                          [rollup]\n"
        "Rss:                1776 kB\nPss:                 317 kB\nPss_Shmem:            12 kB\nPrivate_Clean:        68 kB\n"
        "Private_Dirty:       112 kB\nAnonymous:           112 kB\nTHPeligible:    0\n");
    REQUIRE(rollup);
    CHECK(rollup->rss == 1776 * 1024);
    CHECK(rollup->pss == 317 * 1024);
    CHECK(rollup->pss_shmem == 12 * 1024);
    CHECK(rollup->private_clean == 68 * 1024);
    CHECK(rollup->private_dirty == 112 * 1024);
    CHECK(rollup->anonymous == 112 * 1024);
    CHECK_FALSE(rollup->swap);
}

TEST_CASE("smaps_rollup without Rss, or with a value that overflows, is nothing") {
    CHECK_FALSE(parse_smaps_rollup(""));
    CHECK_FALSE(parse_smaps_rollup("Pss: 3 kB\n"));
    CHECK_FALSE(parse_smaps_rollup("Rss: 18446744073709551615 kB\n"));
    CHECK_FALSE(parse_smaps_rollup("Rss: 5 MB\n"));
}

TEST_CASE("stat survives a name with spaces, parentheses and a newline") {
    const auto stat =
        parse_stat("42 (a) S (b\n c) R 7 1 1 0 -1 4194560 100 0 0 0 1 1 0 0 20 0 12 0 987654 4096000 1000 18446744073709551615");
    REQUIRE(stat);
    CHECK(stat->pid == 42);
    CHECK(stat->comm == "a) S (b\n c");
    CHECK(stat->state == 'R');
    CHECK(stat->parent == 7);
    CHECK(stat->threads == 12);
    CHECK(stat->start_ticks == 987654);
}

TEST_CASE("a stat that is cut short is nothing") {
    for (const char* text : {"", "42", "42 (a", "42 (a)", "42 (a) S", "42 (a) S 7 1 1 0 -1 4 1 0 0 0 1 1 0 0 20 0 12",
                             "x (a) S 7 1 1 0 -1 4 1 0 0 0 1 1 0 0 20 0 12 0 9"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_stat(text));
    }
}

TEST_CASE("status gives the parts of RSS") {
    const auto status = parse_status(
        "Name:\tx\nVmSwap:\t       8 kB\nRssAnon:\t     120 kB\nRssFile:\t    1664 kB\n"
        "RssShmem:\t       4 kB\nThreads:\t1\n");
    REQUIRE(status);
    CHECK(status->rss_anonymous == 120 * 1024);
    CHECK(status->rss_file == 1664 * 1024);
    CHECK(status->rss_shmem == 4 * 1024);
    CHECK(status->swap == 8 * 1024);
    CHECK_FALSE(parse_status("Name:\tkthreadd\nThreads:\t1\n"));
}

TEST_CASE("a line of status is found by its whole name") {
    constexpr std::string_view kText = "Pid:\t7\nNSpid:\t4242\t7\nSigCgt:\t0000000180014203\nEmpty:\n";
    CHECK(status_value(kText, "NSpid") == "4242\t7");
    CHECK(status_value(kText, "SigCgt") == "0000000180014203");
    CHECK(status_value(kText, "Empty") == "");
    CHECK_FALSE(status_value(kText, "Sig"));
    CHECK_FALSE(status_value(kText, "pid"));
    CHECK_FALSE(status_value("", "Pid"));
}

TEST_CASE("a file with one number has nothing else in it") {
    CHECK(parse_number(" 65536\n") == 65536);
    CHECK(parse_number("18446744073709551615") == 18446744073709551615U);
    for (const char* text : {"", "\n", "max\n", "-1", "1 2", "0x10", "18446744073709551616"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_number(text));
    }
}
